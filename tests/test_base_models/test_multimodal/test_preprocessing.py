"""What a model wants of its images is read from its own file, in the form of any year."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.world import picture

from base_models.multimodal.preprocessing import image_preprocessing
from base_models.visual.pixels import PixelSource
from base_models.visual.views import make_views
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.system.paths import relative_to

CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF = {"image_mean": [0.5] * 3, "image_std": [0.25] * 3}


def written(folder: Path, says: dict[str, Any]) -> str:
    (folder / "preprocessor_config.json").write_text(json.dumps(says))
    return str(folder)


@pytest.mark.parametrize(
    ("says", "share", "squashed"),
    [
        ({"size": 224, "crop_size": 224, "feature_extractor_type": "FLAVAFeatureExtractor"}, 1, True),  # as published
        ({"size": {"height": 224, "width": 224}, "image_processor_type": "FlavaImageProcessor"}, 1, True),
        ({"size": 224, "crop_size": 224, "feature_extractor_type": "CLIPFeatureExtractor"}, 1, False),  # as published
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}, 0.875, False),
        (
            {"size": {"shortest_edge": 224}, "crop_size": {"height": 336, "width": 336}, "do_center_crop": False},
            1,
            False,
        ),
    ],
)
def test_size_and_crop_are_the_files_own(tmp_path: Path, says: dict[str, Any], share: float, squashed: bool) -> None:
    how = image_preprocessing(written(tmp_path, says))
    assert how.size == (224, 224) and how.crop_share == share and how.squashed == squashed
    assert how.mean == CLIP_MEAN and how.std == CLIP_STD and how.interpolation == "bicubic"


def test_means_deviations_and_filter_are_the_files_own(tmp_path: Path) -> None:
    how = image_preprocessing(written(tmp_path, {"size": {"shortest_edge": 32}, "resample": 2, **HALF}))
    assert how.mean == (0.5, 0.5, 0.5) and how.std == (0.25, 0.25, 0.25) and how.interpolation == "bilinear"


def test_the_images_are_those_of_the_models_own_processor(tmp_path: Path) -> None:
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.flava.image_processing_pil_flava import FlavaImageProcessorPil

    image = picture(90, 60)
    for number, processor in enumerate((FlavaImageProcessorPil(), CLIPImageProcessorPil())):
        folder = tmp_path / str(number)
        processor.save_pretrained(folder)
        theirs = np.asarray(processor(image, return_tensors="np")["pixel_values"][0])
        np.testing.assert_allclose(make_views(image, image_preprocessing(str(folder)), 1)[0], theirs, atol=1e-5)


def test_squashed_images_have_a_place_of_their_own_in_the_cache(tmp_path: Path) -> None:
    keys = set()
    for number, size in enumerate(({"shortest_edge": 32}, {"height": 32, "width": 32})):
        (tmp_path / str(number)).mkdir()
        how = image_preprocessing(written(tmp_path / str(number), {"size": size}))
        assert make_views(picture(50, 40), how, 5).shape == (5, 3, 32, 32)
        keys.add(PixelSource(how, 1, FeatureCache()).key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    "says",
    [
        None,
        {},
        {"size": {"longest_edge": 224}},
        {"size": 32, "crop_size": 224},
        {"size": 0},
        {"size": "large"},
        {"size": 32, "image_mean": [0.5]},
        {"size": 32, "image_std": [0, 1, 1]},
    ],
)
def test_a_file_that_says_nothing_of_use_is_refused_in_one_line(tmp_path: Path, says: dict[str, Any] | None) -> None:
    folder = str(tmp_path) if says is None else written(tmp_path, says)
    with pytest.raises(
        LearnerError,
        match=r"^Cannot (read how|load model) .*(takes its images: .*|there is no )preprocessor_config\.json",
    ) as told:
        image_preprocessing(folder)
    assert "\n" not in str(told.value)


def test_a_relative_path_means_the_folder_of_each_run(tmp_path: Path) -> None:
    for home, side in (("first", 16), ("second", 32)):
        (tmp_path / home / "model").mkdir(parents=True)
        written(tmp_path / home / "model", {"size": {"shortest_edge": side}})
        with relative_to(tmp_path / home):
            assert image_preprocessing("./model").size == (side, side)


def test_a_folder_that_is_not_there_is_not_taken_for_a_hub_name(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="No such model folder"):
        image_preprocessing(str(tmp_path / "gone"))
