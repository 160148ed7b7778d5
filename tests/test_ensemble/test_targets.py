"""Tasks, and what the kinds of target own."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from support.world import SENTIMENT

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
