"""What is learned of numbers: losses, scales that are undone, views, what is refused; and a kind of task more."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.networks import Killed, Vectors, curve, fit, killed_after, one_core, quick, same_weights
from support.texts import fitted, small
from support.world import SENTIMENT, toy_table
from torch import nn

from base_models.frozen import Frozen
from base_models.multimodal.clip import Clip
from base_models.neural.hyperparameters import Training
from base_models.neural.train_val_split import TrainValSplit
from base_models.objectives.classification import Classification
from base_models.objectives.objective import objective_of, restored_objective
from base_models.objectives.regression import Regression
from ensemble.data import Dataset, Task, rating_column
from ensemble.errors import LearnerError
from ensemble.learner import TrainingContext

DEGREE = Task("degree", kind="regression")
CPU = torch.device("cpu")
numbers = st.lists(st.floats(-1e6, 1e6).map(lambda value: value if abs(value) > 1e-100 else 0.0), min_size=1).map(
    np.array
)


def numbered(rows: int = 48) -> Dataset:
    """The toy posts, whose text says their number two times of three."""
    data = toy_table(rows)
    degree = data.codes(SENTIMENT) + np.random.default_rng(0).normal(size=rows) / 5
    return Dataset(data.frame.assign(degree=degree.astype(object)), data.root, (DEGREE,))


class Line(nn.Module):
    """One number of a vector, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.layers = nn.Sequential(nn.Dropout(0.3), nn.Linear(6, 1))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.layers(vectors)
        return outputs


def problem(share: float = 0.0, rows: int = 37) -> TrainValSplit:
    data = numbered(rows)
    examples = Vectors(toy_table(rows).codes(SENTIMENT))
    return TrainValSplit.of(DEGREE, objective_of(DEGREE, data.labels(DEGREE)), examples, data, share, seed=0)


@given(labels=numbers)
def test_standardised_numbers_come_back(labels: np.ndarray) -> None:
    objective = Regression.of(DEGREE, labels)
    back, spread = objective.predictions(objective.targets(quick(), labels, None)[:, None], "logits")
    np.testing.assert_allclose(back[:, 0], labels, rtol=1e-5, atol=1e-5 * max(np.abs(labels - objective.median)))
    assert (spread == 0).all()


def test_the_scale_is_that_of_most_numbers() -> None:
    labels = np.random.default_rng(0).normal(5, 2, 1000)
    plain, far = Regression.of(DEGREE, labels), Regression.of(DEGREE, np.append(labels, 1e6))
    assert plain.scale == pytest.approx(2, rel=0.1)
    assert far.scale == pytest.approx(plain.scale, rel=0.01) and far.median == pytest.approx(plain.median, abs=0.01)


def test_numbers_most_of_which_are_equal_have_the_scale_of_their_deviation() -> None:
    labels = np.array([0.0] * 90 + [1.0] * 10)
    assert Regression.of(DEGREE, labels).scale == pytest.approx(labels.std())


@pytest.mark.parametrize(
    ("loss", "expected"), [(None, [0.5, 2.0, 0.0]), ("l1", [0.5, 2.0, 0.0]), ("l2", [0.25, 4.0, 0.0])]
)
def test_losses_are_of_standardised_numbers(loss: str | None, expected: list[float]) -> None:
    outputs, targets = torch.tensor([[1.5], [-1.0], [3.0]]), torch.tensor([1.0, 1.0, 3.0])
    objective = Regression(10.0, 4.0)
    losses = objective.loss(quick(loss=loss), np.zeros(3), CPU)(outputs, targets)
    assert losses.tolist() == expected
    values, labels = 10 + 4 * outputs.numpy().astype(float), 10 + 4 * targets.numpy().astype(float)
    assert objective.validation_loss(quick(loss=loss), labels, values) == pytest.approx(np.mean(expected))


def test_the_huber_loss_is_squared_near_zero_and_absolute_far_away() -> None:
    losses = Regression().loss(quick(loss="huber"), np.zeros(2), CPU)(torch.tensor([[0.5], [3.0]]), torch.zeros(2))
    assert losses.tolist() == [0.125, 2.5]


def test_numbers_of_several_views_are_their_mean_and_spread() -> None:
    outputs = np.array([[[1.0], [3.0]], [[0.0], [0.0]]], dtype=np.float32)
    for average in ("log_probabilities", "probabilities", "logits"):
        values, spread = Regression(1.0, 10.0).predictions(outputs, average)
        assert values.tolist() == [[21.0], [1.0]] and spread.tolist() == [[10.0], [0.0]]


@pytest.mark.parametrize(
    ("set_to", "line"),
    [
        ({"balance": 0.5}, "balance = 0.5 is for classes; numbers have none"),
        ({"resample": 2}, "resample = 2 is for classes"),
        ({"label_smoothing": 0.1}, "label_smoothing = 0.1 is for classes"),
        ({"loss": "focal"}, "loss = 'focal' is for classes; for numbers: l1, l2, huber"),
    ],
)
def test_what_is_of_classes_is_refused_unless_there_are_some(set_to: dict[str, object], line: str) -> None:
    training = Training.model_validate(set_to)
    with pytest.raises(LearnerError, match=line):
        Regression().settings(training, strict=True)
    allowed = Regression().settings(training, strict=False)
    assert (allowed.balance, allowed.resample, allowed.label_smoothing, allowed.loss) == (0, 0, 0, None)


def test_a_loss_of_numbers_is_refused_for_classes_unless_there_are_numbers() -> None:
    with pytest.raises(LearnerError, match="loss = 'l1' is for numbers; for classes: cross_entropy, focal, soft"):
        Classification().settings(quick(loss="l1"), strict=True)
    assert Classification().settings(quick(loss="l1"), strict=False).loss is None


def test_what_is_not_set_is_not_refused() -> None:
    settings = Regression().settings(Training(), strict=True)
    assert (settings.balance, settings.resample) == (0, 0)
    assert Regression().settings(Training(balance=0, loss="huber"), strict=True).loss == "huber"


def test_a_loss_that_is_not_set_is_recorded_as_before() -> None:
    assert Training().model_dump()["loss"] == "cross_entropy" and quick(loss="l2").model_dump()["loss"] == "l2"


@pytest.mark.parametrize("objective", [Regression(2.0, 0.5), Classification(np.array([0.25, 0.75]))])
def test_a_record_makes_the_objective_again(objective: Regression | Classification) -> None:
    again = restored_objective(objective.record())
    assert again.record() == objective.record() and (again.usual == objective.usual).all()


def test_validation_rows_hold_their_share_of_every_quantile() -> None:
    split = problem(0.2, rows=600)
    labels = split.labels
    assert np.median(labels[split.validation]) == pytest.approx(np.median(labels[split.training]), abs=0.15)
    assert len(split.validation) == pytest.approx(120, abs=12)


def test_epochs_are_judged_by_the_metric_of_the_task() -> None:
    split = problem(0.25)
    network = Line()
    trained = fit(network, split, quick(epochs=4, validation=0.25))
    rows = split.validation
    with torch.inference_mode():
        outputs = network.cpu().eval()(split.examples.batch(rows)["vectors"]).numpy()
    values, _ = split.objective.predictions(outputs, "logits")
    best = trained.state.curve[trained.state.best_epoch - 1]
    assert best["validation_metric"] == min(row["validation_metric"] for row in trained.state.curve)
    assert best["validation_metric"] == pytest.approx(np.abs(values[:, 0] - split.labels[rows]).mean(), rel=1e-5)


@pytest.mark.parametrize("loss", ["l1", "l2", "huber"])
def test_a_training_on_numbers_killed_and_continued_ends_with_the_same_bits(loss: str, tmp_path: Path) -> None:
    training, whole, other = quick(checkpoint_minutes=0, validation=0.25, loss=loss), Line(), Line()
    uninterrupted = fit(whole, problem(0.25), training)
    for _ in range(2):
        with pytest.raises(Killed):
            fit(Line(), problem(0.25), training, tmp_path, killed_after(3))
    assert curve(fit(other, problem(0.25), training, tmp_path)) == curve(uninterrupted)
    assert same_weights(whole, other)
    losses = [row["loss"] for row in uninterrupted.state.curve]
    assert losses[-1] < losses[0]


def test_a_probe_for_numbers_takes_classes_that_have_an_order(encoders: dict[str, str], tmp_path: Path) -> None:
    data = toy_table(30)
    learner, loaded = (Frozen(text=encoders["text"], probe="ridge", max_length=16) for _ in range(2))
    with pytest.raises(LearnerError, match="probe = 'ridge' is for numbers and for classes in order"):
        learner.fit(data, SENTIMENT, 0)
    learner.fit(data, replace(SENTIMENT, ordinal=True), 0)
    learner.save(tmp_path)
    loaded.load(tmp_path)
    values = learner.predict_proba(data)
    assert values.shape == (30, 3) and (loaded.predict_proba(data) == values).all()
    with pytest.raises(LearnerError, match="probe = 'svm' is for classes"):
        Frozen(text=encoders["text"], probe="svm", max_length=16).fit(numbered(8), DEGREE, 0)


def test_soft_labels_are_the_shares_of_the_annotators() -> None:
    objective, soft = Classification(np.ones(3) / 3), quick(loss="soft_cross_entropy")
    ratings = np.array([[0, 0, 2], [1, np.nan, np.nan], [np.nan] * 3])
    shares = objective.targets(soft, np.array([0, 1, 2]), ratings)
    np.testing.assert_allclose(shares, [[2 / 3, 0, 1 / 3], [0, 1, 0], [0, 0, 1]], rtol=1e-6)
    logits = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    losses = objective.loss(soft, np.array([0, 1, 2]), CPU)(logits, torch.from_numpy(shares))
    torch.testing.assert_close(losses, -(torch.from_numpy(shares) * logits.log_softmax(dim=1)).sum(dim=1))
    hard = objective.loss(quick(), np.array([0, 1, 2]), CPU)(logits, torch.tensor([0, 1, 2]))
    torch.testing.assert_close(losses[1:], hard[1:])


def test_what_annotators_said_reaches_the_training(encoders: dict[str, str]) -> None:
    data = toy_table(24)
    agreed = [data.frame["sentiment"].tolist()] * 2
    columns = {rating_column("sentiment", str(place)): said for place, said in enumerate(agreed)}
    torn = {rating_column("sentiment", "2"): ["neutral"] * 24}
    values = []
    for rated, loss in ((data, None), (data.with_columns(**columns), "soft_cross_entropy")):
        values.append(fitted(small(encoders["bert"], training={"loss": loss}), rated).predict_proba(data))
    np.testing.assert_allclose(values[0], values[1], atol=1e-6)  # where all agree, soft labels are the labels
    soft = small(encoders["bert"], training={"loss": "soft_cross_entropy", "epochs": 8, "lr": 1e-2})
    assert fitted(soft, data.with_columns(**columns, **torn)).predict_proba(data)[:, 1].mean() > 1 / 4
    with pytest.raises(LearnerError, match="learns what several annotators said, and the table has one label a row"):
        fitted(small(encoders["bert"], training={"loss": "soft_cross_entropy"}), data)


def test_zero_shot_clip_has_no_numbers(encoders: dict[str, str]) -> None:
    with pytest.raises(LearnerError, match=r"compares posts with the names of classes, and degree has none"):
        Clip(encoders["clip"], train="none").fit(numbered(8), DEGREE, 0)


def test_a_development_part_takes_the_place_of_rows_put_aside(encoders: dict[str, str], tmp_path: Path) -> None:
    data = numbered()
    part, aside = data.take(range(36)), data.take(range(36, 48))
    learner = small(encoders["bert"], training={"epochs": 2, "validation": 0.25})
    learner.set_development(aside)
    learner.set_context(TrainingContext(tmp_path))
    with one_core():
        learner.fit(part, DEGREE, 0)
        values = learner.predict(aside.without_labels())
    info = learner.training_info()
    assert (info["fit_rows"], info["validation_rows"]) == (36, 12)
    best = learner.curve()[info["best_epoch"] - 1]
    assert best["validation_metric"] == pytest.approx(np.abs(values - aside.labels(DEGREE)).mean(), rel=1e-4)
    assert learner.objective_.usual == np.median(part.labels(DEGREE))


def test_a_development_part_is_left_alone_where_nothing_is_put_aside(encoders: dict[str, str]) -> None:
    learner = small(encoders["bert"])
    learner.set_development(numbered().take(range(40, 48)))
    with one_core():
        learner.fit(numbered().take(range(8)), DEGREE, 0)
    assert learner.training_info()["validation_rows"] == 0
