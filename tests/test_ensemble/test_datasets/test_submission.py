"""Competition files: rendered in test order, and refused before anyone else would refuse them."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.data import Dataset, Task
from ensemble.datasets import submission
from ensemble.datasets.memotion import TASKS as MEMOTION_TASKS
from ensemble.datasets.submission import SubmissionRows, make_submission
from ensemble.errors import SubmissionError
from ensemble.predictions import Predictions

HATEFUL = Task("hateful", ("0", "1"))


def table(ids: Sequence[str], tasks: tuple[Task, ...]) -> Dataset:
    frame = pd.DataFrame({"id": list(ids), "text": None, "image": None, "part": "test"}, dtype=object)
    return Dataset(frame.assign(**{task.name: None for task in tasks}), Path("."), tasks)


def handed(data: Dataset, labels: Mapping[str, Sequence[str]]) -> SubmissionRows:
    codes = {name: np.array([data.task(name).classes.index(label) for label in row]) for name, row in labels.items()}
    sure = {
        name: Predictions(data.task(name), data.ids, np.eye(len(data.task(name).classes))[code])
        for name, code in codes.items()
    }
    return SubmissionRows(data, codes, sure)


MEMES = {
    "sentiment": ["1", "-1", "0"],
    "humour": ["1", "0", "1"],
    "sarcasm": ["1", "0", "0"],
    "offensive": ["1", "0", "0"],
    "motivational": ["0", "1", "0"],
    "humour_degree": ["1", "0", "3"],
    "sarcasm_degree": ["1", "0", "0"],
    "offensive_degree": ["2", "0", "0"],
}
ANSWER = "1_1110_1120\n-1_0001_0001\n0_1000_3000\n"


def test_memotion_answers_are_three_parts_per_line() -> None:
    data = table(["b.jpg", "a.jpg", "c.jpg"], MEMOTION_TASKS)
    assert make_submission("memotion", handed(data, MEMES)) == ("answer.txt", ANSWER)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1_0110_1120", "B must be 1 exactly where C is above 0"),
        ("1_1111_1120", "B must be 1 exactly where C is above 0"),
        ("1_1110_1140", "not like 1_1110_1120"),
        ("2_1110_1120", "not like 1_1110_1120"),
        ("1_1110", "not like 1_1110_1120"),
        ("1_1110_1120 ", "not like 1_1110_1120"),
        ("", "not like 1_1110_1120"),
    ],
)
def test_memotion_lines_that_would_be_refused_are_found(line: str, problem: str) -> None:
    data = table(["a", "b", "c"], MEMOTION_TASKS)
    lines = ANSWER.splitlines()
    assert submission.lint_memotion("\n".join([*lines[:1], line, *lines[2:]]) + "\n", data) == [
        f"line 2 reads {line!r}, {problem}" if problem.startswith("not") else f"line 2 reads {line!r}: {problem}"
    ]


def test_memotion_needs_a_line_per_row() -> None:
    assert submission.lint_memotion(ANSWER, table(["a", "b"], MEMOTION_TASKS)) == ["3 lines for 2 test rows"]


def test_memotion_labels_that_contradict_each_other_are_never_handed_in() -> None:
    data = table(["a", "b", "c"], MEMOTION_TASKS)
    with pytest.raises(SubmissionError, match=r"The memotion file would be refused: .*B must be 1 exactly where C"):
        make_submission("memotion", handed(data, MEMES | {"humour": ["0", "0", "1"]}))


def test_mvsa_tags_keep_the_order_of_the_test_file() -> None:
    data = table(["9", "10", "2"], (SENTIMENT,))
    name, text = make_submission("mvsa", handed(data, {"sentiment": ["neutral", "positive", "negative"]}))
    assert (name, text) == ("test.txt", "guid,tag\n9,neutral\n10,positive\n2,negative\n")


def test_hateful_memes_give_the_probability_of_hate() -> None:
    data = table(["7", "8"], (HATEFUL,))
    values = np.array([[0.25, 0.75], [1.0, 0.0]])
    given = SubmissionRows(data, {"hateful": np.array([1, 0])}, {"hateful": Predictions(HATEFUL, data.ids, values)})
    name, text = make_submission("hateful-memes", given)
    assert name == "submission.csv"
    assert text == "id,proba,label\n7,0.750000,1\n8,0.000000,0\n"


def test_csv_has_a_column_per_task_and_quotes_what_needs_it() -> None:
    data = table(["a,b", 'c"d'], (SENTIMENT, SARCASM))
    name, text = make_submission("csv", handed(data, {"sentiment": ["neutral", "positive"], "sarcasm": ["0", "1"]}))
    assert name == "submission.csv"
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["id", "sentiment", "sarcasm"], ["a,b", "neutral", "0"], ['c"d', "positive", "1"]]


GOOD = {
    "mvsa": "guid,tag\na,neutral\nb,positive\n",
    "hateful-memes": "id,proba,label\na,0.5,1\nb,1,0\n",
    "csv": "id,sentiment,hateful\na,neutral,1\nb,positive,0\n",
}


def lint(name: str, text: str) -> list[str]:
    return submission.FORMATS[name].lint(text, table(["a", "b"], (SENTIMENT, HATEFUL)))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_good_file_has_no_problem(name: str) -> None:
    assert lint(name, GOOD[name]) == []


@pytest.mark.parametrize("name", sorted(GOOD))
def test_rows_lost_swapped_or_added_are_found(name: str) -> None:
    header, first, second = GOOD[name].splitlines()
    for rows in ([first], [second, first], [first, second, second], [first, second.replace("b,", "c,", 1)]):
        assert "the ids are not the 2 ids of the test file in its order" in lint(
            name, "\n".join([header, *rows]) + "\n"
        )


@pytest.mark.parametrize("name", sorted(GOOD))
def test_another_header_is_found(name: str) -> None:
    found = lint(name, GOOD[name].replace("a,", "a ,", 1).replace("id,", "name,", 1))
    assert any(problem.startswith("the header reads") for problem in found)


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("mvsa", "a,neutral", "a,meh", "row 'a' has 'meh', not one of ['negative', 'neutral', 'positive']"),
        ("csv", "neutral,1", "neutral,2", "row 'a' has '2', not one of ['0', '1']"),
        ("hateful-memes", "0.5,1", "0.5,yes", "row 'a' has 'yes', not one of ['0', '1']"),
        ("hateful-memes", "0.5", "1.5", "probability '1.5' is not between 0 and 1"),
        ("hateful-memes", "0.5", "nan", "probability 'nan' is not between 0 and 1"),
        ("hateful-memes", "0.5", "high", "probability 'high' is not between 0 and 1"),
    ],
)
def test_values_outside_their_domain_are_found(name: str, old: str, new: str, problem: str) -> None:
    assert lint(name, GOOD[name].replace(old, new)) == [problem]


@pytest.mark.parametrize("name", sorted(GOOD))
@pytest.mark.parametrize("text", ["", "\n", "{header}\n\n", "{header}\na\nb\n", "{header}\na,x,1,2\nb,neutral,1,2\n"])
def test_a_file_of_another_shape_is_a_list_of_problems(name: str, text: str) -> None:
    assert lint(name, text.replace("{header}", GOOD[name].splitlines()[0]))


def test_an_unknown_format_gets_a_suggestion() -> None:
    with pytest.raises(SubmissionError, match=r"Unknown submission format 'memotino'. Did you mean 'memotion'\?"):
        make_submission("memotino", handed(table(["a"], (SENTIMENT,)), {"sentiment": ["neutral"]}))


def test_a_format_of_another_dataset_names_the_task_it_needs() -> None:
    given = handed(table(["a"], (SENTIMENT,)), {"sentiment": ["neutral"]})
    with pytest.raises(SubmissionError, match=r"Unknown task 'hateful'. Available: sentiment"):
        make_submission("hateful-memes", given)


def test_a_submission_is_about_the_rows_of_the_test_file() -> None:
    assert submission.test_rows(toy_table(5, test_rows=3)).tolist() == [5, 6, 7]
    with pytest.raises(SubmissionError, match="nothing to submit"):
        submission.test_rows(toy_table(5))
