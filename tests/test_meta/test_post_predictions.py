"""What is written of new posts reads back to the same numbers, whatever tasks, classes and ids are called."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.data import Task
from ensemble.errors import ConfigError, DataError
from ensemble.predictions import Predictions
from meta.post_predictions import PostPredictions, format_named, render_csv, render_json_lines

IDS = np.array(["=HYPERLINK(1)", '"quoted", \u2028', "-1", "\u0645\u0631\u062d\u0628\u0627\nnext"], dtype=object)


def predicted(task: Task, learners: tuple[str, ...] = ("a", "b"), seed: int = 0) -> PostPredictions:
    random = np.random.default_rng(seed)
    values = random.dirichlet(np.ones(len(task.classes)), size=len(IDS))
    return PostPredictions(Predictions(task, IDS, values), learners, random.normal(size=(len(IDS), 2)))


def test_a_csv_file_has_label_probabilities_and_shares_of_each_task() -> None:
    made = [predicted(Task("mood", ("bad", "good"))), predicted(Task("irony", ("0", "1")), seed=1)]
    header, *rows = csv.reader(io.StringIO(render_csv(made)))
    assert header == [
        *("id", "mood", "mood:bad", "mood:good", "mood|a", "mood|b"),
        *("irony", "irony:0", "irony:1", "irony|a", "irony|b"),
    ]
    assert [row[0] for row in rows] == IDS.tolist()
    assert [row[1] for row in rows] == made[0].names
    assert (np.array([row[2:4] for row in rows], dtype=float) == made[0].predictions.values).all()
    assert (np.array([row[9:11] for row in rows], dtype=float) == made[1].shares).all()


def test_json_lines_hold_the_same() -> None:
    made = [predicted(Task("mood", ("bad", "good")))]
    lines = render_json_lines(made).splitlines()  # also splits at line ends that only Unicode knows
    assert [json.loads(line)["id"] for line in lines] == IDS.tolist()
    first = json.loads(lines[0])["tasks"]["mood"]
    assert first["label"] == made[0].names[0]
    assert list(first["probabilities"].values()) == made[0].predictions.values[0].tolist()
    assert first["shares"] == dict(zip(("a", "b"), made[0].shares[0].tolist(), strict=True))


def test_numbers_have_a_value_and_shares_and_no_probabilities() -> None:
    values = np.array([[-1.0], [0.25], [2.5], [1e6]])
    shares = np.array([[0.5, -0.5]] * 4)
    made = [PostPredictions(Predictions(Task("mood", kind="regression"), IDS, values), ("a", "b"), shares)]
    header, *rows = csv.reader(io.StringIO(render_csv(made)))
    assert header == ["id", "mood", "mood|a", "mood|b"]
    assert [float(row[1]) for row in rows] == values[:, 0].tolist()
    first = json.loads(render_json_lines(made).split("\n")[0])["tasks"]["mood"]
    assert first == {"value": -1.0, "shares": {"a": 0.5, "b": -0.5}}
    assert sum(made[0].counts.values()) == 4 and "missing" not in made[0].counts


names = st.text("a:|%3A7C", min_size=1, max_size=4)


@given(st.lists(names, min_size=2, max_size=2, unique=True), st.lists(names, min_size=2, max_size=3, unique=True))
def test_no_two_columns_share_a_name(tasks: list[str], classes: list[str]) -> None:
    header = next(csv.reader(io.StringIO(render_csv([predicted(Task(name, tuple(classes))) for name in tasks]))))
    assert len(set(header)) == len(header) == 1 + 2 * (3 + len(classes))


def test_no_task_is_called_as_the_column_of_ids() -> None:
    with pytest.raises(DataError, match="'id'"):
        Task("id", ("0", "1"))


def test_labels_are_counted_also_where_there_are_none() -> None:
    made = predicted(Task("mood", ("bad", "good", "so-so")))
    assert sum(made.counts.values()) == len(IDS) and list(made.counts) == ["bad", "good", "so-so"]


def test_an_unknown_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"Unknown format of predictions 'json'\. Did you mean 'jsonl'"):
        format_named("json")


def test_a_number_is_a_value_without_probabilities() -> None:
    task = Task("stars", kind="regression")
    values = np.linspace(-1, 2, len(IDS))[:, None]
    one = PostPredictions(Predictions(task, IDS, values), ("a",), np.ones((len(IDS), 1)))
    rows = [json.loads(line)["tasks"]["stars"] for line in render_json_lines([one]).splitlines()]
    assert rows == [{"value": value, "shares": {"a": 1.0}} for value in values[:, 0].tolist()]
    assert render_csv([one]).splitlines()[0] == "id,stars,stars|a"
