"""A competition's format as one line of the configuration."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.world import SENTIMENT

from ensemble.config import Submit
from ensemble.data import Dataset, Task
from ensemble.datasets.submission import SubmissionRows, make_submission
from ensemble.datasets.submission_formats import template_format
from ensemble.errors import DataError, SubmissionError
from ensemble.predictions import Predictions

HATEFUL = Task("hateful", ("0", "1"))
VALUES = {"sentiment": [[0.5, 0.2, 0.3], [0.1, 0.2, 0.7]], "hateful": [[0.75, 0.25], [0.4, 0.6]]}


def rows_of(*ids: str, tasks: tuple[Task, ...] = (SENTIMENT, HATEFUL)) -> SubmissionRows:
    frame = pd.DataFrame({"id": list(ids), "text": None, "part": "test"}, dtype=object)
    data = Dataset(frame.assign(**{task.name: None for task in tasks}), Path("."), tasks)
    found = {task.name: Predictions(task, data.ids, np.array(VALUES[task.name])[: len(ids)]) for task in tasks}
    return SubmissionRows(data, {name: each.labels() for name, each in found.items()}, found)


@pytest.mark.parametrize(
    ("template", "header", "text"),
    [
        ("{id}\t{sentiment}", "", "a\tnegative\nb\tpositive\n"),
        ("{id},{hateful:1}", "Id,Predicted", "Id,Predicted\na,0.25\nb,0.6\n"),
        ("{sentiment}_{hateful}{hateful}", "", "negative_00\npositive_11\n"),
        ('{{"id": "{id}", "p": {hateful:1}}}', "", '{"id": "a", "p": 0.25}\n{"id": "b", "p": 0.6}\n'),
        ("{id} {sentiment:negative} {sentiment:neutral} {sentiment:positive}", "", "a 0.5 0.2 0.3\nb 0.1 0.2 0.7\n"),
    ],
)
def test_a_line_per_row_has_what_its_placeholders_name(template: str, header: str, text: str) -> None:
    assert make_submission(template_format(template, header), rows_of("a", "b")) == text


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{id},{sentimnt}", r"Unknown placeholder 'sentimnt'. Did you mean 'sentiment'\?"),
        ("{id},{hateful:2}", r"Unknown placeholder 'hateful:2'.*Available: hateful, hateful:0, hateful:1, id"),
        ("{id}", r"no placeholder of a task, such as \{sentiment\}"),
        ("{id},{sentiment", "brace without its other half"),
        ("{id}},{sentiment}", "brace without its other half"),
    ],
)
def test_placeholders_are_checked(template: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        template_format(template).columns(rows_of("a").data)


@pytest.mark.parametrize(
    ("template", "odd"),
    [
        ("{id},{sentiment}", "a,b"),
        ("{sentiment},{id}", "a,b"),
        ("{id}\t{sentiment}", "a\tb"),
        ("{id};{sentiment}", "a;b"),
        ("{id} - {sentiment}", "a - b"),
        ("{id},{sentiment}", 'a"b'),
        ("{id},{sentiment}", "a\nb"),
        ("{id}{hateful:0}", "a1"),
    ],
)
def test_a_value_that_could_not_be_told_apart_is_refused(template: str, odd: str) -> None:
    with pytest.raises(SubmissionError, match=r"does not fit the data: .*(cannot quote|cannot be told apart)"):
        make_submission(template_format(template), rows_of(odd))


def test_what_stands_in_the_way_of_other_templates_is_no_matter() -> None:
    assert make_submission(template_format("{id}\t{sentiment}"), rows_of("a,b-c d")) == "a,b-c d\tnegative\n"


def test_rows_lost_or_a_header_changed_are_found() -> None:
    form, data = template_format("{id},{sentiment}", "id,mood"), rows_of("a", "b").data
    assert form.lint("id,mood\na,negative\nb,positive\n", data) == []
    assert form.lint("id,label\na,negative\nb,positive\n", data)[0].startswith("the header reads")
    assert "1 rows for 2 test rows" in form.lint("id,mood\na,negative\n", data)
    assert "line 3 reads 'b,meh', not like {id},{sentiment}" in form.lint("id,mood\na,negative\nb,meh\n", data)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"format": "csv", "template": "{id},{x}"}, "a format and a template"),
        ({"header": "id,x"}, "belong to a template"),
        ({"file": "mine.txt"}, "belong to a template"),
        ({"template": "{id}\n{x}"}, "one line each"),
        ({"template": "{id},{x}", "file": "../mine.txt"}, "a name without a folder"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Submit(**keys)
