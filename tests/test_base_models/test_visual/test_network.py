"""Image networks by name: what they want of their images, and one line for what cannot be had."""

import json
import urllib.error
from pathlib import Path

import pytest
import timm
import torch
from support.photos import photographed
from support.world import SENTIMENT

from base_models import LEARNERS
from base_models.tiny import make_image_encoder
from base_models.visual import network
from base_models.visual.network import ImageClassifier, make_classifier, preprocessing_of
from base_models.visual.views import Preprocessing
from ensemble.data import Dataset
from ensemble.errors import ConfigError, EnsembleError, LearnerError
from ensemble.learner_factory import make_learner, source_files

HOW = Preprocessing((64, 64), (0.5,) * 3, (0.5,) * 3, "bilinear", 0.875)
PLAIN = {"model": "test_resnet", "pretrained": False, "size": 64, "views": 2}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "bilinear", 0.875)


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographed(tmp_path_factory.mktemp("shots"))


def make(params: dict[str, object]):  # type: ignore[no-untyped-def]
    return make_learner(LEARNERS, "visual", params, "base.image.params")


def test_drawing_weights_leaves_the_global_random_state_alone() -> None:
    state = torch.get_rng_state()
    drawn = [make_classifier("test_resnet", 3, False, None, 64, seed, HOW).body for seed in (0, 0, 1)]
    assert torch.get_rng_state().equal(state)
    weights = [torch.cat([parameter.flatten() for parameter in body.parameters()]) for body in drawn]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])


def test_pixels_are_normalised_inside_and_views_keep_their_place() -> None:
    body = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    classifier = ImageClassifier(body, Preprocessing((8, 8), (0.5, 0.0, 0.2), (0.5, 1.0, 0.4), "bilinear", 1.0))
    pixels = torch.tensor([[255, 51, 0], [0, 255, 51]], dtype=torch.uint8).view(1, 2, 1, 1, 3).expand(1, 2, 8, 8, 3)
    expected = torch.tensor([[[1.0, 0.2, -0.5], [-1.0, 1.0, 0.0]]])
    torch.testing.assert_close(classifier(pixels), expected)
    torch.testing.assert_close(classifier(pixels[0]), expected[0])


def test_preprocessing_is_the_models_own_where_it_is_not_set(tmp_path: Path) -> None:
    folder = make_image_encoder(tmp_path / "encoder")
    config = json.loads((folder / "config.json").read_text())
    own = {"input_size": [3, 96, 80], "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "lanczos"}
    config["pretrained_cfg"] |= own | {"crop_pct": 0.7}
    (folder / "config.json").write_text(json.dumps(config))
    how = Preprocessing((96, 80), (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "lanczos", 0.7)
    given = (48, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "nearest", 0.9)
    expected = ((48, 48), *given[1:])
    assert preprocessing_of(str(folder), None, None, None, None, None) == how
    for place, name in enumerate(list(vars(how))[: len(given)]):
        asked = [value if place == position else None for position, value in enumerate(given)]
        wanted = Preprocessing(**{**vars(how), name: expected[place]})
        assert preprocessing_of(str(folder), *asked) == wanted  # type: ignore[arg-type]
    assert preprocessing_of("test_vit", None, None, None, None, None).size == (160, 160)
    assert preprocessing_of("polynet", 100, None, None, None, None) == Preprocessing((100, 100), *IMAGENET)


def test_results_depend_on_the_local_files(tmp_path: Path) -> None:
    folder = make_image_encoder(tmp_path / "encoder")
    (tmp_path / "x.pth").touch()
    learner = make({"model": str(folder), "checkpoint": str(tmp_path / "x.pth")})
    assert source_files(learner) == [folder / "config.json", folder / "model.safetensors", tmp_path / "x.pth"]
    assert source_files(make(PLAIN)) == []


REFUSED = {
    "unknown model": ({"model": "resnett18"}, "Unknown timm model 'resnett18'. Did you mean 'resnet18'?"),
    "no folder": ({"model": "/no/such/folder"}, r"No such model folder: /no/such/folder\. Give a folder with"),
    "three views": ({"views": 3}, r"params\.views = 3: must be 1, 2, 5 or 10"),
    "small size": ({"size": 8}, r"params\.size = 8: must be at least 32"),
    "no area": ({"scale": [0, 1]}, r"params\.scale: must be two shares of the area, the smaller first"),
    "more than all": ({"scale": [0.5, 1.5]}, r"params\.scale: must be two shares"),
    "upside down": ({"scale": [0.9, 0.1]}, r"params\.scale: must be two shares"),
    "no width": ({"ratio": [0, 1]}, r"params\.ratio: must be two positive numbers, the smaller first"),
    "wide first": ({"ratio": [2, 1]}, r"params\.ratio: must be two positive"),
    "degrees": ({"degrees": 181}, r"params\.degrees = 181: must be at most 180"),
    "left": ({"degrees": -1}, r"params\.degrees = -1: must be at least 0"),
    "no crop": ({"crop_share": 0}, r"params\.crop_share = 0: must be above 0"),
    "average": ({"average": "median"}, r"params\.average = 'median': .*'log_probabilities', 'probabilities' or 'logit"),
    "key": ({"training": {"epoch": 3}}, r"Unknown base\.image\.params\.training key 'epoch'\. Did you mean 'epochs'\?"),
    "value": ({"training": {"lr": 0}}, r"base\.image\.params\.training\.lr = 0: .*above 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_one_line(shots: Dataset, case: str) -> None:
    params, message = REFUSED[case]
    with pytest.raises(EnsembleError, match=message) as caught:
        make({**PLAIN, **params}).fit(shots, SENTIMENT, 0)
    assert "\n" not in str(caught.value)


def test_whatever_the_hub_says_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect.\nCheck your connection.\n")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(LearnerError, match=r"^Cannot load image model 'hf-hub:me/mine': We couldn't connect\. Without"):
        make_classifier("hf-hub:me/mine", 3, True, None, None, 0, HOW)


def test_a_hub_that_did_not_answer_is_not_asked_for_every_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def offline(*_: object, **__: object) -> None:
        asked.append(True)
        raise OSError("timed out")

    monkeypatch.setattr(timm, "create_model", offline)
    for _ in range(3):
        with pytest.raises(LearnerError, match="timed out"):
            make_classifier("hf-hub:me/another", 3, True, None, None, 0, HOW)
    assert len(asked) == 1


def test_a_failed_download_of_polynet_names_the_file_and_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def unreachable(url: str, destination: str, beginning: str, progress: bool) -> None:
        asked.append((destination, beginning))
        raise urllib.error.URLError("timed out")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    message = r"^Cannot download polynet-\w+\.pth: .*timed out.*Get the file elsewhere and give its path as params\.che"
    with pytest.raises(LearnerError, match=message) as caught, torch.device("meta"):
        make_classifier("polynet", 3, True, None, None, 0, HOW)
    assert "\n" not in str(caught.value)
    assert asked == [(str(tmp_path / "hub" / "checkpoints" / "polynet-f71d82a5.pth"), "f71d82a5")]
    Path(asked[0][0]).write_bytes(b"here already")
    assert network.download("https://example.org/polynet-f71d82a5.pth") == Path(asked[0][0])
    assert len(asked) == 1


def test_a_size_that_the_network_cannot_take_is_refused_in_one_line(shots: Dataset) -> None:
    with pytest.raises(LearnerError, match=r"'test_vit' .*70.*: Input height \(70\) should be divisible") as caught:
        make({**PLAIN, "model": "test_vit", "size": 70}).fit(shots, SENTIMENT, 0)
    assert "\n" not in str(caught.value)


def test_a_standard_deviation_of_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"params\.std: must be three positive numbers"):
        make({**PLAIN, "std": [0.2, 0.0, 0.2]})
