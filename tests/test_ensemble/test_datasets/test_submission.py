"""Competition files: rendered in test order, and refused before anyone else would refuse them."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.data import Dataset, Task
from ensemble.datasets.memotion import LINKED_TASKS, SUBTASKS
from ensemble.datasets.memotion import TASKS as MEMOTION_TASKS
from ensemble.datasets.submission import SubmissionRows, make_submission
from ensemble.datasets.submission import test_rows as rows_to_submit
from ensemble.datasets.submission_formats import FORMATS, format_named, handed_in_notes, template_format
from ensemble.errors import SubmissionError
from ensemble.predictions import Predictions

HATEFUL = Task("hateful", ("0", "1"))


def table(ids: Sequence[str], tasks: tuple[Task, ...], id_column: str = "id") -> Dataset:
    frame = pd.DataFrame({"id": list(ids), "text": None, "image": None, "part": "test"}, dtype=object)
    frame = frame.assign(**{task.name: None for task in tasks})
    return Dataset(
        frame, Path("."), tasks, linked_tasks=LINKED_TASKS if tasks == MEMOTION_TASKS else (), id_column=id_column
    )


def labelled(data: Dataset, labels: Mapping[str, Sequence[str]]) -> Dataset:
    return data.with_columns(**labels)


def written(name: str, rows: SubmissionRows) -> str:
    return make_submission(FORMATS[name], rows)


def probable(data: Dataset, values: Mapping[str, Sequence[Sequence[float]]]) -> SubmissionRows:
    """Probabilities (rows, classes) per task, labels by arg max."""
    found = {name: Predictions(data.task(name), data.ids, np.array(rows)) for name, rows in values.items()}
    return SubmissionRows(data, {name: each.labels() for name, each in found.items()}, found)


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
    assert FORMATS["memotion"].file == "answer.txt"
    assert written("memotion", handed(data, MEMES)) == ANSWER


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1_0110_1120", "humour must be 1 exactly where humour_degree is above 0"),
        ("1_1110_1020", "sarcasm must be 1 exactly where sarcasm_degree is above 0"),
        ("1_1111_1120", "not like {sentiment}_"),
        ("1_1110_1140", "not like {sentiment}_"),
        ("2_1110_1120", "not like {sentiment}_"),
        ("1_1110", "not like {sentiment}_"),
        ("1_1110_1120 ", "not like {sentiment}_"),
        ("", "not like {sentiment}_"),
    ],
)
def test_memotion_lines_that_would_be_refused_are_found(line: str, problem: str) -> None:
    lines = ANSWER.splitlines()
    text = "\n".join([*lines[:1], line, *lines[2:]]) + "\n"
    found = FORMATS["memotion"].lint(text, table(["a", "b", "c"], MEMOTION_TASKS))
    assert problem in found[0] and ("row 2" in found[0] or f"line 2 reads {line!r}" in found[0])


def test_memotion_needs_a_line_per_row() -> None:
    found = FORMATS["memotion"].lint(ANSWER, table(["a", "b"], MEMOTION_TASKS))
    assert found == ["3 rows for 2 test rows"]


def test_memotion_labels_that_contradict_each_other_are_never_handed_in() -> None:
    data = table(["a", "b", "c"], MEMOTION_TASKS)
    with pytest.raises(SubmissionError, match=r"The memotion file would be refused: .*humour must be 1 exactly where"):
        written("memotion", handed(data, MEMES | {"humour": ["0", "0", "1"]}))


def test_memotion_is_scored_by_subtask() -> None:
    data = labelled(replace(table(["a", "b", "c"], MEMOTION_TASKS), subtasks=SUBTASKS), MEMES)
    assert FORMATS["memotion"].measure(data, FORMATS["memotion"].read(ANSWER, data)) == {
        f"macro_f1 of {name}": 1 for name in SUBTASKS
    }


def test_mvsa_tags_keep_the_order_of_the_test_file() -> None:
    data = table(["9", "10", "2"], (SENTIMENT,))
    text = written("mvsa", handed(data, {"sentiment": ["neutral", "positive", "negative"]}))
    assert (FORMATS["mvsa"].file, text) == ("test.txt", "guid,tag\n9,neutral\n10,positive\n2,negative\n")


@pytest.mark.parametrize("classes", [("0", "1"), ("not_hateful", "hateful")])
def test_hateful_memes_give_the_probability_of_hate(classes: tuple[str, str]) -> None:
    data = table(["7", "8"], (Task("hateful", classes),))
    given = probable(data, {"hateful": [[0.25, 0.75], [1.0, 0.0]]})
    assert FORMATS["hateful-memes"].file == "submission.csv"
    assert written("hateful-memes", given) == "id,proba,label\n7,0.75,1\n8,0,0\n"


@pytest.mark.parametrize("task", [Task("hateful", ("1", "0")), Task("hateful", ("a", "b"), positive="a")])
def test_hateful_memes_give_it_too_where_hate_is_the_first_class(task: Task) -> None:
    given = probable(table(["7", "8"], (task,)), {"hateful": [[0.75, 0.25], [0.0, 1.0]]})
    assert written("hateful-memes", given) == "id,proba,label\n7,0.75,1\n8,0,0\n"


def test_hateful_memes_are_scored_by_auroc_and_accuracy() -> None:
    data = labelled(table(list("abcd"), (Task("hateful", ("1", "0")),)), {"hateful": ["1", "1", "0", "0"]})
    text = "id,proba,label\na,0.9,1\nb,0.3,0\nc,0.4,0\nd,0.1,0\n"  # of four pairs one is in the wrong order
    form = FORMATS["hateful-memes"]
    assert form.measure(data, form.read(text, data)) == {"AUROC of proba": 0.75, "accuracy of label": 0.75}


MAMI = tuple(Task(name, ("0", "1")) for name in ("misogynous", "shaming", "stereotype", "objectification", "violence"))


def test_mami_answers_are_tab_separated_without_a_header() -> None:
    data = table(["1.jpg", "2.jpg"], MAMI, id_column="file_name")
    rows = handed(data, {task.name: ["1", "0"] for task in MAMI} | {"violence": ["0", "0"]})
    assert FORMATS["mami-a"].file == FORMATS["mami-b"].file == "answer.txt"
    assert written("mami-a", rows) == "1.jpg\t1\n2.jpg\t0\n"
    assert written("mami-b", rows) == "1.jpg\t1\t1\t1\t1\t0\n2.jpg\t0\t0\t0\t0\t0\n"


def test_mami_b_is_the_macro_f1_of_four_kinds_weighted_by_their_rows() -> None:
    truth = {
        "misogynous": ["1", "1", "1", "0"],
        "shaming": ["1", "1", "1", "0"],
        "stereotype": ["1", "0", "0", "0"],
        "objectification": ["0", "0", "0", "0"],
        "violence": ["1", "1", "0", "0"],
    }
    data = labelled(table(list("abcd"), MAMI), truth)
    said = handed(data, truth | {"misogynous": ["0"] * 4, "stereotype": ["0"] * 4})
    form = FORMATS["mami-b"]
    of_stereotype = (6 / 7 + 0) / 2  # F1 of class 0: 2 * 3 / (3 + 4)
    assert form.measure(data, form.read(written("mami-b", said), data)) == pytest.approx(
        {"weighted macro-F1 of the four kinds": (3 * 1 + 1 * of_stereotype + 0 + 2 * 1) / 6}
    )


def test_mami_a_is_the_macro_f1_of_misogynous() -> None:
    data = labelled(table(list("abcd"), MAMI[:1]), {"misogynous": ["1", "0", "0", "0"]})
    form = FORMATS["mami-a"]
    read = form.read("a\t0\nb\t0\nc\t0\nd\t0\n", data)
    assert form.measure(data, read) == pytest.approx({"macro-F1 of misogynous": 6 / 7 / 2})


def test_csv_has_a_column_per_task_and_quotes_what_needs_it() -> None:
    data = table(["a,b", 'c"d'], (SENTIMENT, SARCASM))
    text = written("csv", handed(data, {"sentiment": ["neutral", "positive"], "sarcasm": ["0", "1"]}))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows == [["id", "sentiment", "sarcasm"], ["a,b", "neutral", "0"], ['c"d', "positive", "1"]]


def test_csv_calls_the_ids_what_they_were_called() -> None:
    data = table(["a"], (SARCASM,), id_column="tweet id")
    assert written("csv", handed(data, {"sarcasm": ["1"]})) == "tweet id,sarcasm\na,1\n"


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "brier", "recall_at_precision@0.9"])
def test_csv_hands_in_probabilities_where_ranks_or_probabilities_are_judged(metric: str) -> None:
    tasks = (Task("ironic", ("yes", "no"), metric), Task("mood", ("x", "y", "z"), metric), SARCASM)
    values = {"ironic": [[0.75, 0.25]], "mood": [[0.5, 0.2, 0.3]], "sarcasm": [[0.9, 0.1]]}
    data = table(["a"], tasks)
    assert written("csv", probable(data, values)) == "id,ironic,mood:x,mood:y,mood:z,sarcasm\na,0.75,0.5,0.2,0.3,0\n"
    assert handed_in_notes(FORMATS["csv"], data) == [
        "ironic: the positive class is 'yes' (by its name; submit.positive overrules it); probabilities are handed in.",
        "mood: probabilities are handed in, a column per class.",
    ]


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy", "weighted_f1", "f1_positive"])
def test_csv_hands_in_labels_where_labels_are_judged(metric: str) -> None:
    data = table(["a"], (Task("ironic", ("yes", "no"), metric),))
    assert written("csv", probable(data, {"ironic": [[0.75, 0.25]]})) == "id,ironic\na,yes\n"
    assert handed_in_notes(FORMATS["csv"], data) == []


def test_ranks_of_small_probabilities_survive_the_text() -> None:
    data = table(["a", "b"], (Task("rare", ("0", "1"), "roc_auc"),))
    values = np.array([[1 - 3.1e-9, 3.1e-9], [1 - 3.2e-9, 3.2e-9]])
    read = FORMATS["csv"].read(written("csv", probable(data, {"rare": values})), data)
    np.testing.assert_allclose(read.probabilities["rare"], values, rtol=1e-8)


def test_what_is_handed_in_is_scored_from_its_text() -> None:
    ranked, told = Task("ironic", ("1", "0"), "roc_auc"), Task("mood", ("x", "y"))
    data = labelled(table(list("abcd"), (ranked, told)), {"ironic": ["1", "1", "0", "0"], "mood": ["x", "y", "y", "y"]})
    read = FORMATS["csv"].read("id,ironic,mood\na,0.9,x\nb,0.3,y\nc,0.4,y\nd,0.1,y\n", data)
    assert FORMATS["csv"].measure(data, read) == {"roc_auc of ironic": 0.75, "macro_f1 of mood": 1}


def test_the_only_column_of_a_binary_task_is_read_as_the_positive_class_whatever_was_written() -> None:
    data = table(["a"], (Task("hateful", ("0", "1"), "roc_auc"),))
    form = template_format("{id},{hateful:0}")
    read = form.read(make_submission(form, probable(data, {"hateful": [[0.75, 0.25]]})), data)
    assert read.probabilities["hateful"].tolist() == [[0.25, 0.75]]


GOOD = {
    "mvsa": "guid,tag\na,neutral\nb,positive\n",
    "hateful-memes": "id,proba,label\na,0.5,1\nb,1,0\n",
    "csv": "id,sentiment,hateful\na,neutral,1\nb,positive,0\n",
}


def lint(name: str, text: str) -> list[str]:
    return FORMATS[name].lint(text, table(["a", "b"], (SENTIMENT, HATEFUL)))


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
        ("mvsa", "a,neutral", "a,meh", "row 1 has 'meh', not one of ['negative', 'neutral', 'positive']"),
        ("csv", "neutral,1", "neutral,2", "row 1 has '2', not one of ['0', '1']"),
        ("hateful-memes", "0.5,1", "0.5,yes", "row 1 has 'yes', not one of ['0', '1']"),
        ("hateful-memes", "0.5", "1.5", "row 1 has probability '1.5', not a number between 0 and 1"),
        ("hateful-memes", "0.5", "nan", "row 1 has probability 'nan', not a number between 0 and 1"),
        ("hateful-memes", "0.5", "high", "row 1 has probability 'high', not a number between 0 and 1"),
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
        format_named("memotino")


def test_a_format_of_another_dataset_names_the_task_it_needs() -> None:
    given = handed(table(["a"], (SENTIMENT,)), {"sentiment": ["neutral"]})
    with pytest.raises(SubmissionError, match=r"Unknown task 'hateful'. Available: sentiment"):
        written("hateful-memes", given)


def test_a_submission_is_about_the_rows_of_the_test_file() -> None:
    assert rows_to_submit(toy_table(5, test_rows=3)).tolist() == [5, 6, 7]
    with pytest.raises(SubmissionError, match="nothing to submit"):
        rows_to_submit(toy_table(5))
