"""Ten-crop probabilities are those of a plain loop over torchvision's crops; no row is without probabilities."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.special import log_softmax, softmax
from support.photos import blind, photographed
from support.world import SENTIMENT
from torchvision.transforms import v2

from base_models.neural.averaging import average_views
from base_models.visual.finetuned import Visual, VisualTraining
from ensemble.data import Dataset
from ensemble.errors import LearnerError

SIZE = 64
MEAN, STD = (0.3, 0.5, 0.6), (0.2, 0.25, 0.3)
CROPS = {1: v2.CenterCrop(SIZE), 5: v2.FiveCrop(SIZE), 10: v2.TenCrop(SIZE)}


def network(views: int = 10, eval_batch: int = 64, **params: object) -> Visual:
    training = VisualTraining(epochs=1, batch=5, eval_batch=eval_batch)
    plain = {"pretrained": False, "size": SIZE, "mean": MEAN, "std": STD, "crop_share": 0.875, "training": training}
    return Visual("test_resnet", views=views, **(plain | params))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographed(tmp_path_factory.mktemp("shots"))


@pytest.fixture(scope="module")
def fitted(shots: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a fitted learner was saved; its views disagree, as those of well-trained ones do."""
    learner = network()
    learner.fit(shots, SENTIMENT, seed=0)
    with torch.no_grad():
        learner.network_.body.fc.weight *= 40  # type: ignore[union-attr]
    folder = tmp_path_factory.mktemp("saved")
    learner.save(folder)
    return folder


def loaded(folder: Path, **params: object) -> Visual:
    learner = network(**params)  # type: ignore[arg-type]
    learner.load(folder)
    return learner


def crops(path: Path, views: int) -> list[torch.Tensor]:
    """Normalised crops, by nothing but Pillow and torchvision."""
    image = Image.open(path)
    scale = SIZE / 0.875 / min(image.size)
    width, height = (max(SIZE, round(side * scale)) for side in image.size)
    tensor = v2.functional.to_image(image.resize((width, height), Image.Resampling.BILINEAR))
    tensor = v2.functional.normalize(v2.functional.to_dtype(tensor, torch.float32, scale=True), MEAN, STD)
    if views <= 2:
        return [CROPS[1](tensor), CROPS[1](tensor.flip(-1))][:views]
    return list(CROPS[views](tensor))


@cache
@torch.inference_mode()
def by_hand(folder: Path, root: Path, views: int) -> np.ndarray:
    """(rows, views, classes) log-probabilities, a crop at a time."""
    body = loaded(folder).network_.body.eval()  # type: ignore[union-attr]
    paths = sorted(root.glob("*.png"), key=lambda path: int(path.stem))
    logits = [torch.cat([body(crop[None]) for crop in crops(path, views)]).double() for path in paths]
    return torch.stack(logits).log_softmax(dim=2).numpy()


@settings(max_examples=15)
@given(views=st.sampled_from([1, 2, 5, 10]), eval_batch=st.integers(1, 110))
def test_probabilities_are_those_of_a_plain_loop_over_torchvisions_crops(
    fitted: Path, shots: Dataset, views: int, eval_batch: int
) -> None:
    logs = by_hand(fitted, shots.root, views)
    values, spread = loaded(fitted, views=views, eval_batch=eval_batch).predict_with_spread(shots)
    np.testing.assert_allclose(values, softmax(logs.mean(axis=1), axis=1), atol=1e-5)
    np.testing.assert_allclose(spread, np.exp(logs).std(axis=1), atol=1e-5)
    assert (spread > 0.01).any() == (views > 1)


def test_views_are_averaged_as_asked(fitted: Path, shots: Dataset) -> None:
    by_view = np.exp(by_hand(fitted, shots.root, 5))
    values = {how: loaded(fitted, views=5, average=how).predict_proba(shots) for how in ("probabilities", "logits")}
    np.testing.assert_allclose(values["probabilities"], by_view.mean(axis=1), atol=1e-5)
    assert not np.allclose(values["probabilities"], values["logits"], atol=1e-3)
    np.testing.assert_allclose(values["logits"], loaded(fitted, views=5).predict_proba(shots), atol=1e-7)


LOGITS = st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 5, 10]), st.integers(2, 5)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-200, 200, width=32))
)


@given(LOGITS)
def test_averages_of_any_logits(logits: np.ndarray) -> None:
    means = {how: average_views(logits, how) for how in ("log_probabilities", "logits", "probabilities")}  # type: ignore[arg-type]
    wide = logits.astype(np.float64)
    expected = np.exp(log_softmax(wide, axis=2).mean(axis=1))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(means["log_probabilities"][0], expected, atol=1e-12)
    np.testing.assert_allclose(means["logits"][0], expected, atol=1e-12)
    np.testing.assert_allclose(means["probabilities"][0], softmax(wide, axis=2).mean(axis=1), atol=1e-12)
    for values, spread in means.values():
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(spread, softmax(wide, axis=2).std(axis=1), atol=1e-12)


@given(logits=LOGITS, shift=st.floats(-50, 50))
def test_the_order_of_views_and_a_constant_on_all_logits_of_a_view_change_nothing(
    logits: np.ndarray, shift: float
) -> None:
    constants = np.linspace(0, shift, logits.shape[1], dtype=np.float32)[:, None]
    for how in ("log_probabilities", "probabilities"):
        found, expected = (np.stack(average_views(some, how)) for some in (logits[:, ::-1] + constants, logits))  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("validation", [0.0, 0.3])
@pytest.mark.parametrize("labels", [["positive"] * 33 + ["negative"], ["neutral"]])
def test_rare_and_absent_classes_have_their_column(tmp_path: Path, labels: list[str], validation: float) -> None:
    data = photographed(tmp_path, [(70, 64)] * 34, labels)
    learner = network(views=2, training=VisualTraining(epochs=1, batch=17, validation=validation))
    learner.fit(data, SENTIMENT, seed=0)
    values, spread = learner.predict_with_spread(data)
    assert values.shape == spread.shape == (34, 3)
    assert np.isfinite(values).all() and np.isfinite(spread).all() and (values > 0).all()
    assert all(np.isfinite(row["loss"]) for row in learner.curve())


def test_rows_without_an_image_get_the_class_frequencies_and_no_spread(shots: Dataset) -> None:
    learner = network(views=2)
    learner.fit(blind(shots, [0, 3, 4]), SENTIMENT, seed=0)
    gone = [1, 2, 9]
    values, spread = learner.predict_with_spread(blind(shots, gone))
    np.testing.assert_allclose(values[gone], np.tile([5 / 13, 4 / 13, 4 / 13], (3, 1)))  # 4, 3 and 3 rows, plus one
    assert (spread[gone] == 0).all()
    rest = np.setdiff1d(np.arange(10), gone)
    expected = learner.predict_with_spread(shots)
    np.testing.assert_allclose(values[rest], expected[0][rest], atol=1e-6)
    assert (spread[rest] > 0).all() and (expected[1][gone] > 0).all()


def test_where_no_row_has_an_image_all_get_the_class_frequencies(shots: Dataset, tmp_path: Path) -> None:
    learner = network()
    learner.fit(blind(shots, range(10)), SENTIMENT, seed=0)
    learner.save(tmp_path)
    for one in (learner, loaded(tmp_path)):
        values, spread = one.predict_with_spread(shots)
        np.testing.assert_allclose(values, np.tile([5 / 13, 4 / 13, 4 / 13], (10, 1)))
        assert (spread == 0).all()
    assert learner.training_info() == {} and learner.curve() == []


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(shots: Dataset) -> None:
    weights = []
    for seed, disturbance in ((0, 1), (0, 2), (1, 1)):
        torch.manual_seed(disturbance)
        learner = network()
        learner.fit(shots, SENTIMENT, seed)
        weights.append(torch.cat([tensor.flatten().double() for tensor in learner.network_.state_dict().values()]))  # type: ignore[union-attr]
    assert weights[0].equal(weights[1])
    assert not weights[0].isclose(weights[2]).all()


def test_training_lowers_the_loss_where_colours_name_the_class(tmp_path: Path) -> None:
    data = photographed(tmp_path, [(64, 64)] * 12)
    for row in range(12):
        Image.new("RGB", (64, 64), ("red", "lime", "blue")[row % 3]).save(tmp_path / f"{row}.png")
    learner = network(views=2, scale=(0.5, 1.0), training=VisualTraining(epochs=12, batch=6, lr=0.02))
    learner.fit(data, SENTIMENT, seed=0)
    losses = [row["loss"] for row in learner.curve()]
    assert losses[-1] < 0.5 * losses[0]
    assert (learner.predict_proba(data).argmax(axis=1) == data.labels(SENTIMENT)).all()


def test_a_last_batch_of_one_row_is_no_trouble(shots: Dataset) -> None:
    learner = network(size=32, training=VisualTraining(epochs=1, batch=9))
    learner.fit(shots, SENTIMENT, seed=0)
    assert np.isfinite(learner.predict_proba(shots)).all()


def test_a_network_that_cannot_be_trained_on_one_row_at_a_time_says_so_in_one_line(shots: Dataset) -> None:
    learner = network(size=32, training=VisualTraining(epochs=1, batch=1))
    with pytest.raises(LearnerError, match="one row at a time; choose a larger") as caught:
        learner.fit(shots, SENTIMENT, seed=0)
    assert "\n" not in str(caught.value)


def test_a_single_view_of_the_whole_image_can_be_asked_for(fitted: Path, tmp_path: Path) -> None:
    data = photographed(tmp_path, [(SIZE, SIZE)])
    learner = loaded(fitted, views=1, crop_share=1.0)
    whole = torch.from_numpy(np.array(Image.open(tmp_path / "0.png")))[None]
    with torch.inference_mode():
        expected = learner.network_.eval()(whole).softmax(dim=1).numpy()  # type: ignore[union-attr]
    np.testing.assert_allclose(learner.predict_proba(data), expected, atol=1e-5)
