"""Which epoch is the best, when there is no use in going on, and whose weights are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.networks import Net, column, curve, fit, quick, same_weights, toy_problem

from base_models.neural.hyperparameters import Training
from base_models.neural.inference import predict_logits
from base_models.neural.state import TrainingState
from base_models.neural.training import Trained
from ensemble.metrics import METRICS, score

JUDGED = {"metric": ("validation_metric", 1), "loss": ("validation_loss", -1), "training_loss": ("loss", -1)}
LONG = {"epochs": 25, "lr": 0.2, "optimizer": "sgd"}


def trained(**changed: object) -> tuple[Net, Trained]:
    training = quick(**{**LONG, "validation": 0.25, **changed})
    network = Net(dropout=0.3)
    return network, fit(network, toy_problem(37, training.validation, noise=1.0), training)


@given(
    scores=st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1, max_size=15),
    patience=st.none() | st.integers(1, 5),
    min_epochs=st.integers(0, 12),
)
def test_training_stops_at_the_first_epoch_that_has_waited_long_enough(
    scores: list[float], patience: int | None, min_epochs: int
) -> None:
    training = quick(patience=patience, min_epochs=min_epochs, validation=0.1)
    state = TrainingState()
    for epoch, judged in enumerate(scores, start=1):
        state.losses = [1.0, 2.0]
        best = int(np.argmax(scores[:epoch])) + 1  # the first of equals
        assert state.close_epoch(training, {}, judged) == (best == epoch)
        assert (state.best_epoch, state.best_score) == (best, max(scores[:epoch]))
        assert state.stopped == (patience is not None and epoch - best >= patience and epoch >= min_epochs)


def test_a_learner_may_take_the_later_of_epochs_that_are_equally_good() -> None:
    class Later(Training):
        later_of_equals = True

    state = TrainingState()
    for judged in (0.1, 0.3, 0.2, 0.3):
        state.losses = [1.0]
        state.close_epoch(Later(), {}, judged)
    assert state.best_epoch == 4
    assert "later_of_equals" not in Later().model_dump()


@given(losses=st.lists(st.floats(0, 10), min_size=1, max_size=9))
def test_a_row_of_the_curve_has_its_number_and_the_mean_loss_of_its_steps(losses: list[float]) -> None:
    state = TrainingState(losses=list(losses))
    state.close_epoch(quick(), {"lr": 0.1}, None)
    state.losses += [3.0]
    state.close_epoch(quick(), {"lr": 0.2}, None)
    assert state.curve[0] == {"epoch": 1, "loss": pytest.approx(np.mean(losses)), "lr": 0.1}
    assert state.curve[1] == {"epoch": 2, "loss": 3.0, "lr": 0.2}


@pytest.mark.parametrize("stop_on", JUDGED)
def test_a_training_that_stops_early_is_the_beginning_of_one_that_does_not(stop_on: str) -> None:
    name, sign = JUDGED[stop_on]
    _, whole = trained(stop_on=stop_on)
    _, early = trained(stop_on=stop_on, patience=3)
    epochs = len(early.state.curve)
    assert epochs < 25 and curve(early) == curve(whole)[:epochs]
    best = int(np.argmax(sign * np.array(column(early, name)))) + 1
    assert early.state.best_epoch == best == epochs - 3
    assert (early.info["epochs"], early.info["best_epoch"]) == (epochs, best)


@pytest.mark.parametrize("stop_on", JUDGED)
def test_no_training_stops_before_its_fewest_epochs(stop_on: str) -> None:
    name, sign = JUDGED[stop_on]
    _, found = trained(stop_on=stop_on, patience=1, min_epochs=12)
    judged = sign * np.array(column(found, name))
    stops = [epoch for epoch in range(12, 26) if epoch - (np.argmax(judged[:epoch]) + 1) >= 1]
    assert len(judged) == stops[0]


def test_the_training_loss_needs_no_rows_put_aside() -> None:
    _, found = trained(stop_on="training_loss", patience=2, validation=0.0)
    assert found.info["validation_rows"] == 0 and len(found.state.curve) < 25
    assert set(found.state.curve[0]) == {"epoch", "loss", "lr", "seconds"}


@pytest.mark.parametrize("stop_on", ["metric", "loss"])
def test_the_weights_that_are_kept_are_those_of_the_best_epoch(stop_on: str) -> None:
    network, found = trained(stop_on=stop_on)
    best = found.state.best_epoch
    assert best < 25
    shorter, _ = trained(stop_on="training_loss", epochs=best)  # keeps its last
    assert same_weights(network, shorter)


def test_where_nothing_is_judged_the_last_weights_are_kept() -> None:
    network, found = trained(validation=0.0)
    assert found.state.best_epoch == len(found.state.curve) == 25
    longer, _ = trained(validation=0.0, epochs=26)
    assert not same_weights(network, longer)


def test_the_scores_of_an_epoch_are_those_of_its_network_on_the_rows_put_aside() -> None:
    problem = toy_problem(37, 0.25, noise=1.0)
    network = Net(dropout=0.3)
    found = fit(network, problem, quick(**LONG, validation=0.25, eval_batch=4))
    logits = predict_logits(network, problem.examples, problem.validation.tolist(), 100).astype(np.float64)
    values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    best = found.state.curve[found.state.best_epoch - 1]
    labels = problem.labels[problem.validation]
    assert best["validation_metric"] == pytest.approx(score(METRICS["macro_f1"], labels, values))
    assert best["validation_loss"] == pytest.approx(score(METRICS["log_loss"], labels, values), rel=1e-5)
