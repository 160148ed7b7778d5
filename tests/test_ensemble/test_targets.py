"""Tasks, and what the kinds of target own."""

import json
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.world import NUMBER, SENTIMENT

from ensemble.errors import DataError
from ensemble.metrics import METRICS, metrics_of
from ensemble.targets import RESERVED, TARGETS, Task


def test_a_task_classifies_unless_it_says_otherwise() -> None:
    assert SENTIMENT.kind == "classification" and SENTIMENT.target is TARGETS["classification"]
    assert SENTIMENT.columns == SENTIMENT.classes
    assert metrics_of(SENTIMENT) == METRICS


def test_a_kind_nobody_knows_is_refused() -> None:
    with pytest.raises(DataError, match=r"Task 't': Unknown kind 'classify'\. Did you mean 'classification'\?"):
        Task("t", ("0", "1"), kind="classify")  # type: ignore[arg-type]


def test_a_task_written_down_without_its_kind_is_read() -> None:
    written = asdict(SENTIMENT)
    assert Task(**written) == SENTIMENT
    del written["kind"]  # as the version before did
    assert Task(**written) == SENTIMENT


@pytest.mark.parametrize("classes", [(), ("one",), ("same", "same")])
def test_a_task_needs_two_distinct_classes(classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="'t' needs at least two distinct classes"):
        Task("t", classes)


@pytest.mark.parametrize("name", RESERVED)
def test_a_task_may_not_take_the_name_of_a_column_of_the_table(name: str) -> None:
    with pytest.raises(DataError, match=f"'{name}' has the name of a column"):
        Task(name, ("0", "1"))


def test_labels_are_positions_and_what_is_missing_is_not_known() -> None:
    target, column = SENTIMENT.target, pd.Series(["positive", None, "negative"], dtype=object)
    labels = target.encode(SENTIMENT, column)
    assert labels.tolist() == [2, -1, 0] and target.known(labels).tolist() == [True, False, True]
    assert target.count_labels(SENTIMENT, column) == {"negative": 1, "neutral": 0, "positive": 1, "missing": 1}
    assert target.strata(SENTIMENT, labels)[1] == 3


def test_labels_of_one_class_teach_nothing() -> None:
    with pytest.raises(DataError, match="only the class 'neutral' in its 3 training rows"):
        SENTIMENT.target.check_training(SENTIMENT, np.array([1, 1, -1]))


def test_a_label_that_is_no_class_is_told_from_one_that_is_missing() -> None:
    bad, valid = SENTIMENT.target.invalid(SENTIMENT, pd.Series(["positive", None, "meh"], dtype=object))
    assert bad.tolist() == [False, False, True]
    assert valid == "one of ['negative', 'neutral', 'positive']"


def test_probabilities_are_finite_and_positive_and_sum_to_one() -> None:
    values = np.array([[0.2, 0.8], [np.nan, 1], [-0.1, 1.1], [0.3, 0.3]])
    found = {problem: np.flatnonzero(bad).tolist() for problem, bad in SENTIMENT.target.problems(values)}
    assert found == {"are not finite": [1], "are negative": [2], "do not sum to one": [3]}


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (("0", "1"), "1"),
        (("1", "0"), "1"),
        (("true", "false"), "true"),
        (("No", "Yes"), "Yes"),
        (("yes", "no"), "yes"),
        (("positive", "negative"), "positive"),
        (("hateful", "not_hateful"), "hateful"),
        (("non-hateful", "hateful"), "hateful"),
        (("sarcastic", "none"), "sarcastic"),
        (("informative", "not informative"), "informative"),
        (("informative", "uninformative"), "informative"),
        (("abusive", "normal"), "abusive"),
        (("1.0", "0.0"), "1.0"),
        (("cats", "dogs"), "dogs"),
        (("normal", "none"), "none"),
        (("note", "nonsense"), "nonsense"),
    ],
)
def test_the_positive_class_is_the_one_that_is_not_negated_else_the_second(
    classes: tuple[str, str], positive: str
) -> None:
    position = Task("t", classes).positive_class
    assert position is not None and classes[position] == positive


def test_a_named_positive_class_counts_and_must_be_one_of_two() -> None:
    assert Task("t", ("0", "1"), positive="0").positive_class == 0
    assert Task("t", ("a", "b", "c")).positive_class is None
    for classes, name in ((("0", "1"), "2"), (("a", "b", "c"), "a")):
        with pytest.raises(DataError, match=f"cannot have the positive class '{name}'"):
            Task("t", classes, positive=name)


def test_numbers_are_counted_in_ranges_that_can_be_told_apart() -> None:
    counted = NUMBER.target.count_labels(NUMBER, pd.Series([*np.linspace(0, 1, 71), None], dtype=object))
    assert (sum(counted.values()), len(counted), counted["missing"]) == (72, 8, 1)
    near = NUMBER.target.count_labels(NUMBER, pd.Series(1e6 + np.linspace(0, 1, 71)))
    assert sum(near.values()) == 71 and len(near) == 8
    few = NUMBER.target.count_labels(NUMBER, pd.Series([-1.0, 0.5, -1]))
    assert few == {"-1": 2, "0.5": 1, "missing": 0}


@pytest.mark.parametrize("value", ["0.5", True, np.inf, 1.5, "good"])
def test_a_label_that_is_no_number_within_bounds_is_told(value: object) -> None:
    labels = pd.Series([-1, None, value, np.float64(0.5), float("nan")], dtype=object)
    bad, valid = NUMBER.target.invalid(NUMBER, labels)
    assert bad.tolist() == [False, False, True, False, False] and valid == "a number from -1 to 1"


def test_a_task_of_numbers_that_was_written_down_is_read() -> None:
    task = Task("t", kind="regression", bounds=(-1, 1), cuts=((0.0,), (-0.1, 0.1)))
    assert task.metric == "mae" and task.columns == ("value",)
    assert Task.of_json(json.loads(json.dumps(asdict(task)))) == task
    assert Task.of_json(json.loads(json.dumps(asdict(SENTIMENT)))) == SENTIMENT


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 1e6, np.nan]) | st.floats(-5, 5), max_size=60))
def test_strata_of_numbers_are_few_and_equal_numbers_share_one(values: list[float]) -> None:
    labels = np.array(values, dtype=np.float64)
    strata, count = NUMBER.target.strata(NUMBER, labels)
    assert ((strata >= 0) == ~np.isnan(labels)).all() and strata.max(initial=-1) < count <= 10
    for value in set(values):
        assert len(set(strata[labels == value])) <= 1
