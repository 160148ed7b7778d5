"""What a Hugging Face model of texts and images wants of its images, read from its preprocessor_config.json, or from
the processor_config.json in which transformers 5 saves the same."""

import json
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from base_models.textual.loading import attempt
from base_models.visual.views import Preprocessing
from base_models.weights import local
from ensemble.errors import LearnerError, first_line

FILE = "preprocessor_config.json"
NESTED = ("processor_config.json", "image_processor")  # where a whole processor was saved: the file, and the key in it
FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers
Channels = tuple[float, float, float]
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's, and so FLAVA's


def image_preprocessing(model: str) -> Preprocessing:
    """Of a hub name or a local folder; plain JSON, nothing of it is executed.

    Where the file gives a height and a width the image is squashed to them (FLAVA), where it gives the shorter side it
    keeps its proportions (CLIP); then the centre is cropped. Raises LearnerError where there is no such file, or it
    says nothing that can be used.
    """
    return _preprocessing(model, local(model).resolve())


def squashed(model: str, size: tuple[int, int]) -> Preprocessing:
    """Of a model that takes images of many sizes: all of ``size``, with the means, deviations and filter published."""
    return _preprocessing(model, local(model).resolve(), size)


def published_images(model: str) -> dict[str, Any]:
    """What is said of a model's images, as it stands; raises LearnerError where nothing is."""
    return dict(_published(model, local(model).resolve()))


@lru_cache(maxsize=16)
def _published(model: str, folder: Path) -> dict[str, Any]:
    """``folder`` is where ``model`` lies if it is a path: a relative one means another folder in another run."""
    said: dict[str, Any] = attempt(model, _file)
    return said


@lru_cache(maxsize=16)
def _preprocessing(model: str, folder: Path, size: tuple[int, int] | None = None) -> Preprocessing:
    read: Callable[[dict[str, Any]], Preprocessing] = _read if size is None else partial(_squashed, size)
    try:
        return read(_published(model, folder))
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # of odd contents
        raise LearnerError(
            f"Cannot read how {model!r} takes its images: {first_line(error)}. Its {FILE} gives size "
            "(height and width, or shortest_edge), crop_size, image_mean and image_std."
        ) from error


def _file(name: str, **options: Any) -> dict[str, Any]:
    from transformers import ImageProcessingMixin

    if Path(name).is_dir() and not (Path(name) / FILE).is_file() and not _nested(Path(name)):
        raise LearnerError(f"there is no {FILE} in that folder, which says how it takes images.")
    config: dict[str, Any] = ImageProcessingMixin.get_image_processor_dict(name)[0]
    return config


def _nested(folder: Path) -> bool:
    name, key = NESTED
    return (folder / name).is_file() and key in json.loads((folder / name).read_bytes())


def _read(config: dict[str, Any]) -> Preprocessing:
    kind = str(config.get("image_processor_type") or config.get("feature_extractor_type") or "")
    size = config.get("size") or {}
    if isinstance(size, int):  # as written before it could be one or the other
        size = {"height": size, "width": size} if kind.lower().startswith("flava") else {"shortest_edge": size}
    edge = size.get("shortest_edge")
    resized = (size.get("height", 0), size.get("width", 0)) if edge is None else (edge, edge)
    if min(resized) < 1:
        raise ValueError(f"its size is {config.get('size')}")
    crop = config.get("crop_size") if config.get("do_center_crop", True) else None
    if isinstance(crop, int):
        crop = {"height": crop, "width": crop}
    cut = resized if crop is None else (crop["height"], crop["width"])
    share = max(part / whole for part, whole in zip(cut, resized, strict=True))
    if min(cut) < 1 or share > 1:
        raise ValueError(f"an image of {resized} pixels has no crop of {cut}")
    return Preprocessing(cut, *_numbers(config), share, squashed=edge is None)


def _squashed(size: tuple[int, int], config: dict[str, Any]) -> Preprocessing:
    return Preprocessing(size, *_numbers(config), 1.0, squashed=True)


def _numbers(config: dict[str, Any]) -> tuple[Channels, Channels, str]:
    """Means, deviations and the filter."""
    mean, std = tuple(config.get("image_mean") or MEAN), tuple(config.get("image_std") or STD)
    if not len(mean) == len(std) == 3 or min(std) <= 0:
        raise ValueError(f"image_mean and image_std are not three numbers each: {list(mean)}, {list(std)}")
    return mean, std, FILTERS.get(config.get("resample", 3), "bicubic")
