"""Videos as sequences: a state per frame, so many frames a second, under any image encoder."""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL.Image import Image, new

from base_models.faces.preparation import READ, Faces
from base_models.sequences.decoding import ahead
from base_models.sequences.layers import Layer, of_layers, watched
from base_models.visual.views import Preprocessing, Views, covered, make_views
from base_models.weights import identity, local, local_files
from ensemble.blocks import Array, Ragged
from ensemble.content.frames import read_frames
from ensemble.content.images import Unreadable
from ensemble.data import Dataset
from ensemble.errors import LearnerError, StoreError, first_line
from ensemble.system.files import fingerprint, read_json

if TYPE_CHECKING:
    import torch

    Run = Callable[[torch.Tensor], tuple[Sequence[torch.Tensor], torch.Tensor]]

ENCODED = 1  # of our own handling; raise it when the same video gives other states
SHRUNK = 2  # times the side that the network sees: to it frames are shrunk while they are decoded
FRAMES_AT_ONCE = 16

File = tuple[Path, str | None]  # and its key
Shown = tuple[Views, npt.NDArray[np.bool_]]  # (frames, 3, height, width), and in which of them something is


class ImageNetwork(NamedTuple):
    """``run`` makes of (frames, 3, height, width) pixels (frames, width) states: those that enter the first block and
    leave each (none where nobody can tell), and the last."""

    preprocessing: Preprocessing
    layers: int
    width: int
    run: "Run"


class FrameEncoder:
    """``model`` is a timm network (its name, ``hf-hub:`` and a name, or a local folder) or a vision transformer of
    Hugging Face's, such as CLIP's (a hub name or a local folder). ``fps`` frames a second are seen, of a video longer
    than ``max_seconds`` its begin.

    Of a network with a class token a frame's state is that token's, of others the mean over all places. Nothing is
    loaded before the first video is encoded. ``cut`` says of each file that was read whether it was longer. With
    ``faces`` (made with the same ``fps`` and ``max_seconds``), frames are cut to them, and a frame's state is zeros
    where no face is.
    """

    modality = "video"
    contents = "videos"
    block = 32

    def __init__(self, model: str, fps: float = 3.0, max_seconds: float = 60.0, faces: Faces | None = None) -> None:
        assert faces is None or (faces.fps, faces.seconds) == (fps, max_seconds)
        self.model = model
        self.fps = fps
        self.max_seconds = max_seconds
        self.faces = None if faces is None or faces.faces == "none" else faces
        self.cut: dict[Path, bool] = {}

    @property
    def key(self) -> str:
        decisive = [ENCODED, identity(self.model), float(self.fps), float(self.max_seconds)]
        return fingerprint(decisive if self.faces is None else [*decisive, self.faces.identity])

    @property
    def layers(self) -> int:
        return self._loaded().layers

    @property
    def width(self) -> int:
        return self._loaded().width

    @property
    def seconds(self) -> float:
        """How much of a video is seen."""
        return self.max_seconds

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        """(frames, width) of each video."""
        network, cells, names = self._loaded(), data.cells(self.modality), data.keys(self.modality)
        nothing = [np.zeros((0, network.width), np.float16) for _ in layers]
        if self.faces is not None:
            self.faces.seek(data.take(rows))
        files = [(data.root / (cells[row] or ""), names[row]) for row in rows]
        decoded = ahead(partial(self._decode, network.preprocessing), files)
        states = [nothing if shown is None else _states(network, shown, layers, self.model) for shown in decoded]
        return [Ragged.of(list(of_layer)) for of_layer in zip(*states, strict=True)]

    def _decode(self, preprocessing: Preprocessing, file: File) -> Shown | None:
        """None where the file cannot be read."""
        path, key = file
        side = SHRUNK * round(max(covered(preprocessing, 1))) if self.faces is None else READ
        try:
            frames = read_frames(path, self.fps, side, self.max_seconds + 1 / self.fps)
        except Unreadable:
            return None
        kept = int((frames.times < self.max_seconds).sum())
        self.cut[path] = kept < len(frames.times)
        pictures: Sequence[Image | None] = frames.pictures[:kept]
        if self.faces is not None:
            pictures = self.faces(key, frames.pictures[:kept])
        views = [make_views(picture or new("RGB", (1, 1)), preprocessing, 1) for picture in pictures]
        return np.concatenate(views), np.array([picture is not None for picture in pictures])

    def _loaded(self) -> ImageNetwork:
        return load(self.model, fingerprint(identity(self.model)))


def of_timm(model: str) -> bool:
    """Whether a network is timm's, by its name or by what the folder's config.json says."""
    if not local_files(model):
        return not re.search("/", model) or model.startswith(("hf-hub:", "hf_hub:", "timm/"))
    with suppress(OSError, StoreError):  # damage is said by who loads it
        return "model_type" not in read_json(local(model) / "config.json")
    return True


@lru_cache(maxsize=2)
def load(model: str, weights: str) -> ImageNetwork:
    """Once per process and ``weights`` (their fingerprint). Raises LearnerError where there is no such network."""
    import torch

    from base_models.neural.inference import device

    preprocessing, run = _timm(model) if of_timm(model) else _transformer(model)
    try:
        with torch.inference_mode():
            states, last = run(torch.zeros((1, 3, *preprocessing.size), device=device()))
    except Exception as error:  # whatever its layers say
        raise LearnerError(f"{model} cannot take frames: {first_line(error)}.") from error
    return ImageNetwork(preprocessing, max(0, len(states) - 1), last.shape[-1], run)


def _timm(model: str) -> "tuple[Preprocessing, Run]":
    from timm.data.config import resolve_model_data_config

    from base_models.neural.inference import device
    from base_models.visual.network import create

    network: Any = create(model, 0, pretrained=True).eval().to(device())
    has_token = getattr(network, "num_prefix_tokens", 0) and getattr(network, "cls_token", None) is not None

    def run(pixels: "torch.Tensor") -> "tuple[Sequence[torch.Tensor], torch.Tensor]":
        if has_token:
            with watched(network.blocks, _token) as states:
                return states, network(pixels)
        if not hasattr(network, "forward_intermediates"):
            return [], network(pixels)
        last, maps = network.forward_intermediates(pixels)
        return [each.mean(dim=(2, 3)) for each in (pixels, *maps)], network.forward_head(last)

    return Preprocessing.of(resolve_model_data_config(network)), run  # type: ignore[no-untyped-call]


def _transformer(model: str) -> "tuple[Preprocessing, Run]":
    """A vision transformer, or the half of a network of texts and images that sees images."""
    from base_models.multimodal.preprocessing import image_preprocessing
    from base_models.neural.inference import device
    from base_models.textual.loading import load_body, load_config
    from base_models.textual.network import layers_of

    preprocessing, config = image_preprocessing(model), load_config(model)
    network = load_body(model)
    network = getattr(network, "vision_model", network).eval().to(device())
    if not hasattr(network.config, "num_hidden_layers") or not hasattr(network.config, "patch_size"):
        raise LearnerError(f"{model} is a {config.model_type} network, no vision transformer; timm may have it.")
    embeddings = network.embeddings
    keep = _token if hasattr(embeddings, "cls_token") or hasattr(embeddings, "class_embedding") else _mean

    def run(pixels: "torch.Tensor") -> "tuple[Sequence[torch.Tensor], torch.Tensor]":
        with watched(layers_of(network), keep) as states:
            last = network(pixel_values=pixels).last_hidden_state
            return states, keep(network.post_layernorm(last) if "clip" in config.model_type else last)

    return preprocessing, run


def _token(states: "torch.Tensor") -> "torch.Tensor":
    return states[:, 0]


def _mean(states: "torch.Tensor") -> "torch.Tensor":
    return states.mean(dim=1)


def _states(network: ImageNetwork, shown: Shown, layers: Sequence[Layer], model: str) -> list[Array]:
    """(frames, width) float16 of each layer, of one video; zeros where nothing is."""
    import torch

    from base_models.neural.inference import device

    (views, there), parts = shown, []
    with torch.inference_mode():
        for start in range(0, len(views), FRAMES_AT_ONCE):
            pixels = torch.from_numpy(np.ascontiguousarray(views[start : start + FRAMES_AT_ONCE])).to(device())
            chosen = of_layers(*network.run(pixels), layers, model)
            parts.append([states.half().cpu().numpy() for states in chosen])
    nothing = np.float16(0)
    return [np.where(there[:, None], np.concatenate(of_layer), nothing) for of_layer in zip(*parts, strict=True)]
