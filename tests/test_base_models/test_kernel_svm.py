"""The support vector machine is scikit-learn's; its probabilities come from rows it had not seen."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss
from sklearn.svm import SVC

from base_models import LEARNERS
from base_models.class_weights import class_weights
from base_models.kernel_svm import KernelSVM
from ensemble.errors import ConfigError
from ensemble.learner_factory import make_learner


def problem(rows: int, seed: int = 0, classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels, and the probabilities these were drawn with; not linear in the features."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, 4)) / 2
    truth = softmax(3 * np.sin(2 * features[:, :classes]) + np.arange(classes) / 2, axis=1)
    labels = np.array([random.choice(classes, p=p) for p in truth])
    return features.astype(np.float32), labels, truth


def fitted(features: np.ndarray, labels: np.ndarray, classes: int = 3, **params: object) -> KernelSVM:
    groups = params.pop("groups", np.arange(len(labels)))
    machine = KernelSVM(**{"costs": (1.0,), "balance": 0.0, "classes": classes, **params})  # type: ignore[arg-type]
    return machine.fit(features, labels, groups, seed=0)  # type: ignore[arg-type]


@pytest.mark.parametrize("balance", [0.0, 1.0])
@pytest.mark.parametrize(("cost", "classes"), [(0.5, 3), (20.0, 3), (2.0, 2), (1.0, 4)])
def test_its_decisions_are_those_of_scikit_learn(cost: float, classes: int, balance: float) -> None:
    features, labels, _ = problem(150, classes=classes)
    features = features - features.mean(axis=0)
    machine = fitted(features, labels, classes, costs=(cost,), balance=balance)
    gamma = 1 / np.square(features).sum(axis=1).mean()
    theirs = SVC(C=cost, gamma=gamma, decision_function_shape="ovo")
    theirs.fit(features, labels, sample_weight=class_weights(labels, classes, balance))
    ours = machine._kernel(features, machine.support_) @ machine.coefficients_ + machine.offset_
    expected = theirs.decision_function(features).reshape(len(features), -1)
    sign = 1 if classes == 2 else -1  # scikit-learn turns it for two classes
    np.testing.assert_allclose(sign * ours, expected, atol=5e-3)


def test_its_probabilities_are_nearly_those_the_labels_were_drawn_with() -> None:
    features, labels, _ = problem(1200)
    machine = fitted(features, labels, costs=(0.3, 1.0, 3.0))
    new, drawn, truth = problem(2000, seed=1)
    found = machine.predictions(new)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    chance = log_loss(drawn, np.tile(np.bincount(labels) / len(labels), (len(new), 1)))
    assert log_loss(drawn, found) - log_loss(drawn, truth) < 0.2 * (chance - log_loss(drawn, truth))


def test_copies_that_stay_together_keep_it_from_trusting_what_it_has_learned_by_heart() -> None:
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(200, 50)).astype(np.float32), random.integers(3, size=200)
    twice, again, copies = np.tile(features, (2, 1)), np.tile(labels, 2), np.tile(np.arange(200), 2)
    together, apart = (
        fitted(twice, again, costs=(10.0,), groups=groups).predictions(features).max(axis=1).mean()
        for groups in (copies, np.arange(400))
    )
    assert together < 0.6 and apart > 0.8


def test_rows_of_rare_classes_weigh_more_where_balance_says_so() -> None:
    features, labels, _ = problem(600)
    keep = (labels != 0) | (np.random.default_rng(0).random(600) < 0.2)
    shares = [fitted(features[keep], labels[keep], balance=b).predictions(features)[:, 0].mean() for b in (0.0, 1.0)]
    assert shares[1] > 1.5 * shares[0]


@pytest.mark.parametrize("labels", [[1] * 40, [0] * 20 + [2] * 20, [0] * 25 + [1] * 14 + [2], [2], [0, 1]])
def test_absent_and_rare_classes_have_their_column(labels: list[int]) -> None:
    features, _, _ = problem(len(labels))
    values = fitted(features, np.array(labels), costs=(1.0, 10.0), balance=0.5).predictions(problem(9, seed=1)[0])
    assert values.shape == (9, 3) and np.isfinite(values).all()
    np.testing.assert_allclose(values.sum(axis=1), 1)
    absent = sorted(set(range(3)) - set(labels))
    assert (values[:, absent] < 1e-6).all()


def test_features_that_say_nothing_and_no_rows_at_all_are_no_trouble() -> None:
    machine = fitted(np.zeros((30, 5), dtype=np.float32), np.arange(30) % 3)
    np.testing.assert_allclose(machine.predictions(np.zeros((2, 5), dtype=np.float32)), 1 / 3, atol=0.05)
    assert machine.predictions(np.zeros((0, 5), dtype=np.float32)).shape == (0, 3)


@pytest.mark.parametrize("costs", [(), (1.0, 0.0)])
def test_costs_must_be_positive(costs: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match=r"params\.costs.* = .*: must (be above 0|have 1 or more)"):
        make_learner(LEARNERS, "frozen", {"text": "any", "probe": "svm", "costs": costs}, "base.svm.params")
