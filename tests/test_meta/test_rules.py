"""Decision rules find the labels a metric rewards, exactly along each number, and only from rows they may see."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.metrics import METRICS, score
from meta import rules as rules_module
from meta.rules import Rule, averaged_rule, class_biases, cross_decide, cut_points, expected, fit_rule, kinds

MACRO_F1 = METRICS["macro_f1"]


def rows(seed: int, count: int = 60, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rare last class, weak signal."""
    random = np.random.default_rng(seed)
    shares = np.arange(classes, 0, -1.0) ** 2
    labels = random.choice(classes, size=count, p=shares / shares.sum())
    scores = random.normal(size=(count, classes)) + np.eye(classes)[labels] + np.log(shares / shares.sum())
    return labels, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def merit(labels: np.ndarray, decided: np.ndarray, classes: int) -> float:
    return score(MACRO_F1, labels, np.eye(classes)[decided])


@given(st.integers(0, 10_000), st.sampled_from(["macro_f1", "accuracy", "weighted_f1"]))
def test_biases_never_score_worse_than_arg_max_on_the_rows_they_are_learned_on(seed: int, name: str) -> None:
    labels, values = rows(seed)
    decided = class_biases(METRICS[name], labels, values).decide(values)
    assert score(METRICS[name], labels, np.eye(3)[decided]) >= score(METRICS[name], labels, values) - 1e-12


@given(st.integers(0, 10_000))
def test_of_two_classes_the_threshold_is_the_best_of_all_thresholds(seed: int) -> None:
    labels, values = rows(seed, 25, classes=2)
    found = merit(labels, class_biases(MACRO_F1, labels, values).decide(values), 2)
    all_of_them = [merit(labels, (values[:, 1] > at).astype(int), 2) for at in [-1.0, *values[:, 1]]]
    assert found == pytest.approx(max(all_of_them))


@given(st.integers(0, 10_000))
def test_cut_points_of_three_classes_are_a_maximum_along_each_cut(seed: int) -> None:
    labels, values = rows(seed, 25)
    rule = cut_points(MACRO_F1, labels, values)
    found = merit(labels, rule.decide(values), 3)
    places = [-1.0, *expected(values), 3.0]
    for position, place in product(range(2), places):
        numbers = list(rule.numbers)
        numbers[position] = place
        if numbers == sorted(numbers):
            assert merit(labels, Rule("cut_points", tuple(numbers)).decide(values), 3) <= found + 1e-12


def test_cut_points_stay_in_order() -> None:
    for seed in range(50):
        labels, values = rows(seed, 40, classes=4)
        numbers = cut_points(MACRO_F1, labels, values).numbers
        assert list(numbers) == sorted(numbers)


def test_a_rare_class_that_arg_max_never_names_is_named() -> None:
    labels, values = rows(0, 3000)
    held = np.arange(3000) % 2 == 0
    decided = class_biases(MACRO_F1, labels[held], values[held]).decide(values[~held])
    assert merit(labels[~held], decided, 3) > score(MACRO_F1, labels[~held], values[~held]) + 0.02


@pytest.mark.parametrize("kind", ["class_biases", "cut_points"])
def test_the_rule_of_a_fold_does_not_depend_on_that_fold(kind: str) -> None:
    labels, values = rows(1, 200)
    fold = np.arange(200) % 4
    other = np.where(fold == 2, (labels + 1) % 3, labels)
    ours, theirs = (cross_decide(kind, MACRO_F1, each, values, fold)[fold == 2] for each in (labels, other))
    assert (ours == theirs).all()


@pytest.mark.parametrize("kind", ["arg_max", "class_biases", "cut_points"])
def test_a_rule_comes_back_from_its_json_and_adjusts_to_probabilities_it_decides_by(kind: str) -> None:
    labels, values = rows(2, 100)
    rule = fit_rule(kind, MACRO_F1, labels, values)
    again = Rule.of_json(rule.as_json())
    assert again == rule
    np.testing.assert_allclose(again.adjust(values).sum(axis=1), 1)
    assert (again.adjust(values).argmax(axis=1) == rule.decide(values)).all()


def test_only_metrics_of_labels_have_rules_and_only_ordered_classes_cut_points() -> None:
    assert kinds(METRICS["log_loss"], 3, ordinal=True) == ("arg_max",)
    assert kinds(MACRO_F1, 3, ordinal=False) == ("arg_max", "class_biases")
    assert kinds(MACRO_F1, 3, ordinal=True) == ("arg_max", "class_biases", "cut_points")


def test_without_known_labels_the_rule_is_arg_max() -> None:
    assert fit_rule("class_biases", MACRO_F1, np.full(5, -1), np.full((5, 2), 0.5)) == Rule()


def test_cut_points_change_the_label_and_little_else() -> None:
    """Whoever decodes two tasks together still sees which of them is sure."""
    values = np.array([[0.40, 0.35, 0.15, 0.10], [0.02, 0.08, 0.40, 0.50]])
    adjusted = Rule("cut_points", (0.5, 1.6, 2.5)).adjust(values)
    assert adjusted.argmax(axis=1).tolist() == [1, 2]
    assert np.abs(adjusted - values).max() < 0.1


@pytest.mark.parametrize("fit", [class_biases, cut_points])
def test_of_very_many_rows_the_best_place_is_found_as_if_all_were_looked_at(
    fit: Callable[..., Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, values = rows(0, 6000)
    values = values.round(3).clip(1e-3)  # of which many are equal
    every = merit(labels, fit(MACRO_F1, labels, values).decide(values), 3)
    monkeypatch.setattr(rules_module, "ZOOMED", 1000)
    monkeypatch.setattr(rules_module, "GRID", 300)
    zoomed = merit(labels, fit(MACRO_F1, labels, values).decide(values), 3)
    assert zoomed == pytest.approx(every, abs=2e-3)


def test_averaged_biases_hang_less_on_which_rows_of_a_rare_class_were_seen() -> None:
    """Over draws of 300 rows, of which about 18 are of the rare class, its bias scatters less."""
    alone, averaged = [], []
    for seed in range(12):
        random = np.random.default_rng(seed)
        labels = random.choice(3, size=300, p=(0.06, 0.34, 0.6))
        evidence = 0.8 * np.eye(3)[labels] + random.normal(size=(300, 3))
        values = np.exp(evidence + np.log([0.06, 0.34, 0.6]))
        values /= values.sum(axis=1, keepdims=True)
        alone.append(fit_rule("class_biases", MACRO_F1, labels, values).numbers[0])
        averaged.append(averaged_rule("class_biases", MACRO_F1, labels, values).numbers[0])
    assert np.std(averaged) < 0.8 * np.std(alone)


def test_averaged_biases_are_the_same_every_time_and_know_known_labels_alone() -> None:
    random = np.random.default_rng(0)
    labels, values = random.integers(3, size=90), random.dirichlet(np.ones(3), size=90)
    unknown = np.r_[labels, np.full(30, -1)], np.r_[values, random.dirichlet(np.ones(3), size=30)]
    rule = averaged_rule("class_biases", MACRO_F1, labels, values)
    assert rule == averaged_rule("class_biases", MACRO_F1, labels.copy(), values.copy())
    assert rule == averaged_rule("class_biases", MACRO_F1, *unknown)
    assert averaged_rule("class_biases", MACRO_F1, labels[:1], values[:1]).kind == "class_biases"
    assert averaged_rule("cut_points", MACRO_F1, labels, values) == fit_rule("cut_points", MACRO_F1, labels, values)
    many = np.tile(labels, 300), np.tile(values, (300, 1))
    assert averaged_rule("class_biases", MACRO_F1, *many) == fit_rule("class_biases", MACRO_F1, *many)
