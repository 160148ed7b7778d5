"""Image networks by name, with one output per class: anything of timm, and PolyNet, which only pretrainedmodels has."""

import logging
import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from base_models.visual.views import Preprocessing
from base_models.weights import check_available, checkpoint_file, local, local_files, seeded_init
from ensemble.errors import LearnerError, StoreError, first_line, some, unknown
from ensemble.system.files import read_json

POLYNET = "polynet"
_unreachable: dict[str, str] = {}
POLYNET_IMAGES = Preprocessing((331, 331), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", 0.875)


class ImageClassifier(torch.nn.Module):
    """(rows, height, width, 3) or (rows, views, height, width, 3) uint8 to (..., classes) logits.

    Pixels are normalised here, on the device; memory is channels-last as the pixels are.
    """

    def __init__(self, body: torch.nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.body = body.to(memory_format=torch.channels_last)
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", 255 * torch.tensor(preprocessing.mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(preprocessing.std).view(3, 1, 1), persistent=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        images = pixels.flatten(0, -4).permute(0, 3, 1, 2)
        logits: torch.Tensor = self.body((images - self.mean) / self.std)
        return logits.view(*pixels.shape[:-3], -1)


def make_classifier(
    model: str,
    classes: int,
    pretrained: bool,
    checkpoint: str | None,
    size: int | None,
    seed: int,
    preprocessing: Preprocessing,
) -> ImageClassifier:
    """A classifier whose top layer is new, drawn from ``seed``, and so is all where not ``pretrained``; with 0
    ``classes`` there is no top layer, and what comes out are features.

    ``model`` is a timm name, a hub name, a local folder, or "polynet"; ``checkpoint`` a local file of weights for it.
    Raises LearnerError.
    """
    make = _polynet if model == POLYNET else create
    with seeded_init(seed):
        body = make(model, classes, pretrained and checkpoint is None, size)
        head: object = getattr(body, "get_classifier", lambda: None)()
        if isinstance(head, torch.nn.Linear):
            head.reset_parameters()  # some networks draw a few outputs so large that the first steps undo the rest
    if pretrained and checkpoint is not None:
        load_matching(body, checkpoint_file(checkpoint))
    return ImageClassifier(body, preprocessing)


@torch.no_grad()
def check_size(network: ImageClassifier, model: str, preprocessing: Preprocessing) -> int:
    """How many outputs the network has for an image.

    Raises LearnerError where it cannot take images of this size, before anything is trained.
    """
    try:
        outputs: torch.Tensor = network.eval()(torch.zeros((1, *preprocessing.size, 3), dtype=torch.uint8))
        return outputs.shape[-1]
    except Exception as error:  # whatever its layers say
        raise LearnerError(
            f"{model!r} cannot take images of {preprocessing.size[0]} pixels: {first_line(error)}."
        ) from error


def preprocessing_of(
    model: str,
    size: int | None,
    mean: tuple[float, float, float] | None,
    std: tuple[float, float, float] | None,
    interpolation: str | None,
    crop_share: float | None,
) -> Preprocessing:
    """What a model wants of its images: its own configuration, where an argument does not say else."""
    own = POLYNET_IMAGES if model == POLYNET else _own_preprocessing(model, local(model).resolve(), size)
    return Preprocessing(
        own.size if size is None else (size, size),
        mean or own.mean,
        std or own.std,
        interpolation or own.interpolation,
        crop_share or own.crop_share,
    )


@lru_cache(maxsize=16)
def _own_preprocessing(model: str, folder: Path, size: int | None) -> Preprocessing:
    """``folder`` is where ``model`` lies if it is a path: a relative one means another folder in another run."""
    from timm.data.config import resolve_model_data_config

    return Preprocessing.of(resolve_model_data_config(create(model, 1, False, size)))  # type: ignore[no-untyped-call]


def check_network(model: str, pretrained: bool = True) -> None:
    """Raises LearnerError for a name that timm does not know, and for published weights that cannot be had."""
    import timm

    if model == POLYNET:
        return
    if local_files(model) or re.search("[/:]", model):
        _check_library(model)
        check_available(model, model.removeprefix("hf-hub:").removeprefix("hf_hub:"))
        return
    _check_name(model)
    if not pretrained or "TIMM_USE_OLD_CACHE" in os.environ:
        return
    try:
        own = timm.get_pretrained_cfg(model)
    except RuntimeError as error:
        family = timm.list_pretrained(f"{model.partition('.')[0]}.*")
        raise LearnerError(unknown("timm weights", model, family)) from error
    if own is not None and own.hf_hub_id:
        check_available(model, own.hf_hub_id)


def _check_name(model: str) -> None:
    import timm

    if not timm.is_model(model):
        raise LearnerError(unknown("timm model", model, timm.list_models()))


def create(model: str, classes: int, pretrained: bool, size: int | None = None) -> torch.nn.Module:
    """A timm network; raises LearnerError in one line, whatever the hub or the files say."""
    import timm

    _check_library(model)
    if not local_files(model) and not re.search("[/:]", model):
        _check_name(model)
    if pretrained and model in _unreachable:  # the hub client tries for long: not again for every fold
        raise LearnerError(_unreachable[model])
    name = f"local-dir:{local(model).resolve()}" if local_files(model) else model
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries; the end of them is said below
    try:
        if size is not None:
            with suppress(TypeError):  # only networks that depend on the size take it
                return timm.create_model(name, pretrained=pretrained, num_classes=classes, img_size=size)
        return timm.create_model(name, pretrained=pretrained, num_classes=classes)
    except Exception as error:  # timm and the hub client raise a dozen kinds
        message = (
            f"Cannot load image model {model!r}: {_reason(error)}. Without a network, give a local folder with "
            "config.json and model.safetensors, or a file of its weights as params.checkpoint."
        )
        if not local_files(model):
            _unreachable[model] = message
        raise LearnerError(message) from error


def _check_library(model: str) -> None:
    """Raises LearnerError for a local folder that transformers has saved, not timm."""
    config: dict[str, Any] = {}
    with suppress(OSError, StoreError):  # damage is said by who loads it
        config = read_json(local(model) / "config.json") if local_files(model) else {}
    if "model_type" in config and "architecture" not in config:
        raise LearnerError(
            f"{model} is a {config['model_type']} network saved by transformers, and image networks are timm's: give "
            "a timm name, 'hf-hub:' and a hub name of timm's, or a folder whose config.json names an 'architecture'."
        )


def _reason(error: Exception) -> str:
    """What is wrong, where the library's own first line is but a key."""
    if isinstance(error, KeyError) and error.args == ("architecture",):
        return "its config.json is not timm's: it names no 'architecture'"
    return first_line(error)


def _polynet(model: str, classes: int, pretrained: bool, size: int | None) -> torch.nn.Module:
    """PolyNet (Zhang et al. 2017) at any size from 75 pixels; its own forward has a fixed pool of 9 x 9 places."""
    from pretrainedmodels.models.polynet import PolyNet, pretrained_settings

    class AnySize(PolyNet):  # type: ignore[misc]
        def logits(self, maps: torch.Tensor) -> torch.Tensor:
            scores: torch.Tensor = self.last_linear(self.dropout(maps.mean(dim=(2, 3))))
            return scores

    path = download(pretrained_settings["polynet"]["imagenet"]["url"]) if pretrained else None
    network: torch.nn.Module = AnySize(num_classes=max(classes, 1))
    if path is not None:
        load_matching(network, path)
    if not classes:
        network.last_linear = torch.nn.Identity()
    return network


def download(url: str) -> Path:
    """The file of a published checkpoint, fetched once and checked; raises LearnerError with the remedy."""
    name = url.rpartition("/")[2]
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beginning = name.removesuffix(".pth").rpartition("-")[2]  # of the hash, by torch's convention
            torch.hub.download_url_to_file(url, str(path), beginning, progress=False)
        except Exception as error:  # the host answers late, wrongly or not at all
            raise LearnerError(
                f"Cannot download {name}: {first_line(error)}. Get the file elsewhere and give its path as "
                "params.checkpoint."
            ) from error
    return path


def load_matching(network: torch.nn.Module, path: Path) -> None:
    """Load weights from a file, all but the top layer. Raises LearnerError where they do not fit."""
    from timm.models import load_state_dict

    try:
        tensors = load_state_dict(str(path), weights_only=True)
    except Exception as error:  # damage and refused pickles come as a dozen kinds
        reason = "it is no safetensors file and no .pth of tensors alone (anything else in it is not unpickled)"
        raise LearnerError(f"{path} is not a file of weights that can be read: {reason}.") from error
    own = network.state_dict()
    top = _top_layers(network)
    needed = [name for name in own if not name.startswith(top) and not name.endswith("num_batches_tracked")]
    fitting = {name: tensors[name] for name in own if _shape(tensors.get(name)) == own[name].shape}
    lost = [name for name in needed if name not in fitting]
    if lost:
        raise LearnerError(f"{path} holds the weights of another network: no {some(lost)} that fits.")
    network.load_state_dict({name: fitting[name] for name in fitting if not name.startswith(top)}, strict=False)


def _top_layers(network: torch.nn.Module) -> tuple[str, ...]:
    """The names of what stands for the classes; some networks have two."""
    names = getattr(network, "pretrained_cfg", {}).get("classifier") or "last_linear"
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names))


def _shape(tensor: object) -> torch.Size | None:
    return tensor.shape if isinstance(tensor, torch.Tensor) else None
