"""A frozen timm image encoder: preprocessing from its own configuration, features averaged over views."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from base_models.visual.views import Preprocessing, Views, make_views
from base_models.weights import identity
from ensemble.blocks import Features
from ensemble.content.images import Unreadable, open_image
from ensemble.data import Dataset
from ensemble.errors import LearnerError, first_line
from ensemble.features import Request
from ensemble.system.files import fingerprint

if TYPE_CHECKING:
    from base_models.visual.runtime import Run

POSTS_AT_ONCE = 4
BLOCK = 256
LABEL = f"blocks of {BLOCK} images encoded"
FEATURES = 2  # of our own preprocessing; raise it when the same image gives other features


class ImageEncoder:
    """``model`` is a timm name, a hub name (``hf-hub:...``) or a local folder; ``layer`` None means the pooled last.

    ``folder`` keeps the ONNX export, made once. Nothing is loaded before the first image is encoded.
    """

    def __init__(self, model: str, views: int, layer: int | None = None, folder: Path | None = None) -> None:
        self.model = model
        self.views = views
        self.layer = layer
        self.folder = folder

    def key(self) -> str:
        """Fingerprint of everything that decides the features but the images."""
        return "image-" + fingerprint([FEATURES, identity(self.model), self.views, self.layer])

    def request(self, data: Dataset) -> Request:
        """What to ask of the cache for these rows."""
        paths = [data.root / (path or "") for path in data.images]

        def encode(rows: Sequence[int]) -> Features:
            return self.encode([paths[row] for row in rows])

        return self.key(), data.image_hashes(), encode, BLOCK, LABEL

    def encode(self, paths: Sequence[Path]) -> Features:
        """(images, width) mean features over the views; NaN where an image cannot be read.

        Under a linear softmax probe, the mean of features gives the same probabilities as the renormalised mean of
        the views' log-probabilities: the normalisers are constant over classes.
        """
        preprocessing, run = load(self.model, fingerprint([identity(self.model), self.layer]), self.layer, self.folder)
        chunks = [paths[start : start + POSTS_AT_ONCE] for start in range(0, len(paths), POSTS_AT_ONCE)]
        with ThreadPoolExecutor(1) as pool:  # decode the next images while these are encoded
            decode = partial(_views_of_all, preprocessing=preprocessing, count=self.views)
            return np.concatenate(
                [_mean_over_views(run, preprocessing, views) for views in _one_ahead(pool, decode, chunks)]
            )


def _views_of_all(paths: Sequence[Path], preprocessing: Preprocessing, count: int) -> list[Views | None]:
    return [_views_of(path, preprocessing, count) for path in paths]


def _views_of(path: Path, preprocessing: Preprocessing, count: int) -> Views | None:
    try:
        return make_views(open_image(path), preprocessing, count)
    except Unreadable:
        return None


def _mean_over_views(run: "Run", preprocessing: Preprocessing, batch: list[Views | None]) -> Features:
    readable = [views for views in batch if views is not None]
    encoded = run(np.concatenate(readable) if readable else np.zeros((1, 3, *preprocessing.size), dtype=np.float32))
    features = np.full((len(batch), encoded.shape[1]), np.nan, dtype=np.float32)
    if readable:
        known = [position for position, views in enumerate(batch) if views is not None]
        features[known] = encoded.reshape(len(readable), len(readable[0]), -1).mean(axis=1)
    return features


@lru_cache(maxsize=2)
def load(model: str, weights: str, layer: int | None, folder: Path | None) -> "tuple[Preprocessing, Run]":
    """Preprocessing and forward pass, where that is fastest: the GPU, else ONNX Runtime, else eager PyTorch.

    Loaded once per process and ``weights`` (their fingerprint, which also names the export in ``folder``).
    """
    kept = None if folder is None else folder / f"{weights}.onnx"
    if kept is not None and (found := _exported_before(kept)):
        return found
    from timm.data.config import resolve_model_data_config

    from base_models.visual.network import create
    from base_models.visual.runtime import make_runtime

    network = create(model, 0, pretrained=True).eval()
    preprocessing = Preprocessing.of(resolve_model_data_config(network))  # type: ignore[no-untyped-call]
    if layer is not None:
        network = one_layer(network, layer)
        _check_layer(network, model, layer, preprocessing.size)
    probe = np.random.default_rng(0).normal(size=(3, 3, *preprocessing.size)).astype(np.float32)
    return preprocessing, make_runtime(network, probe, kept, {"preprocessing": asdict(preprocessing)})


def _exported_before(path: Path) -> "tuple[Preprocessing, Run] | None":
    """The same without importing PyTorch or timm, for seconds, where an export is known to equal its network."""
    from base_models.exports import checked, threads_of_exports
    from base_models.visual.runtime import exported

    threads = threads_of_exports()
    note = None if threads is None else checked(path)
    if threads is None or note is None or "preprocessing" not in note:
        return None
    return Preprocessing.restored(note["preprocessing"]), exported(path, threads)


def _check_layer(network: Any, model: str, layer: int, size: tuple[int, int]) -> None:
    """Raises LearnerError where a network of images has no such layer."""
    import torch

    try:
        with torch.no_grad():
            network(torch.zeros((1, 3, *size)))
    except Exception as error:  # whatever timm says
        raise LearnerError(f"frozen: image_layer = {layer} of {model}: {first_line(error)}.") from error


def one_layer(network: Any, layer: int) -> Any:
    """A network of one layer's features, by its index in timm's ``forward_intermediates``, averaged over places."""
    import torch

    class Layer(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            maps: list[torch.Tensor] = self.network.forward_intermediates(
                pixels, indices=[layer], intermediates_only=True
            )
            return maps[0].mean(dim=(2, 3))

    return Layer().eval()


def _one_ahead(
    pool: ThreadPoolExecutor, load: Callable[[Sequence[Path]], list[Views | None]], chunks: list[Sequence[Path]]
) -> Iterator[list[Views | None]]:
    """Loaded chunks in order, the next one loading while this one is used."""
    waiting = [pool.submit(load, chunk) for chunk in chunks[:1]]
    for following in [*chunks[1:], None]:
        ready = waiting.pop()
        if following is not None:
            waiting.append(pool.submit(load, following))
        yield ready.result()
