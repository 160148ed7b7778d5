"""Later posts against the promise: what is noise is called so, what has moved is named, slices are told apart."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finished import HASHES, finish
from support.world import SENTIMENT, toy_table

from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.datasets.delimited import Dialect
from ensemble.datasets.later_labels import read_later_labels, tasks_named
from ensemble.datasets.new_posts import read_posts
from ensemble.errors import DataError
from ensemble.predictions import Predictions
from meta.operating.drift import category_drift, divergence, number_drift, prediction_drift
from meta.operating.inputs import Known, compare, input_drift
from meta.operating.later import Later, Promise, apart, score_later, verdict
from meta.operating.slices import MISSING, MOST, OTHERS, divide, many_note, slices_of
from meta.stack import read_report

unit = st.floats(0, 1)


@given(unit, unit, st.floats(0.01, 0.2), st.floats(0.01, 0.2), st.sampled_from([1, -1]))
def test_a_difference_has_the_sign_of_what_is_better_and_holds_its_value(
    now: float, then: float, half: float, other: float, sign: int
) -> None:
    scored, promised = ({"value": v, "low": v - h, "high": v + h} for v, h in ((now, half), (then, other)))
    found = apart(scored, promised, sign)  # type: ignore[arg-type]
    assert found["value"] == pytest.approx(sign * (now - then))
    low, high = found["low"], found["high"]
    assert low is not None and high is not None and low <= sign * (now - then) <= high
    assert high - low == pytest.approx(2 * np.hypot(half, other))  # of even intervals, as errors add
    assert verdict(found) == ("below" if high < 0 else "above" if low > 0 else "within")


def test_without_labels_there_is_no_verdict() -> None:
    assert verdict(apart({"value": None}, {"value": 0.5, "low": 0.4, "high": 0.6}, 1)) == "unknown"


def test_what_is_drawn_from_the_training_posts_has_not_moved_but_for_one_time_in_twenty() -> None:
    random, groups = np.random.default_rng(0), np.arange(2000)
    then = random.choice(["a", "b", "c"], size=2000, p=[0.7, 0.2, 0.1]).tolist()
    numbers = random.lognormal(size=2000)
    moved = []
    for _ in range(40):
        rows = random.integers(2000, size=15)
        moved.append(category_drift("it", then, [then[row] for row in rows], groups)["drifts"])
        moved.append(number_drift("it", numbers, numbers[rows], groups)["drifts"])
    assert sum(moved) <= 10
    assert category_drift("it", then, ["c"] * 15, groups)["drifts"]
    assert number_drift("it", numbers, numbers[:15] + 20, groups)["drifts"]


def test_copies_that_come_together_make_chance_wider() -> None:
    random = np.random.default_rng(0)
    groups = np.arange(400) // 20
    then = np.repeat(random.choice(["a", "b"], size=20), 20).tolist()
    alone = category_drift("it", then, ["a"] * 30, np.arange(400))["usual"]
    assert category_drift("it", then, ["a"] * 30, groups)["usual"] > 2 * alone


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.lists(st.integers(1, 50), min_size=2, max_size=6))
def test_the_divergence_is_symmetric_between_0_and_1_and_0_of_equals(one: list[int], other: list[int]) -> None:
    size = min(len(one), len(other))
    first, second = (np.array(counts[:size]) / sum(counts[:size]) for counts in (one, other))
    assert divergence(first, second) == pytest.approx(divergence(second, first))
    assert 0 <= divergence(first, second) <= 1 and divergence(first, first) == 0
    assert divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1)


def test_predictions_that_are_less_sure_but_the_same_on_average_have_not_moved() -> None:
    """Fold models alone are surer than their mean, which predicts later posts."""
    random = np.random.default_rng(0)
    positive = random.beta(0.5, 0.5, size=1000)
    then = np.stack([1 - positive, positive], axis=1)
    now = 0.5 * then[:200] + 0.5 * then[:200].mean(axis=0)
    found = prediction_drift("a", ("no", "yes"), then, now, np.arange(1000))
    assert not found["drifts"] and found["then"].startswith("no 0.5")
    assert prediction_drift("a", ("no", "yes"), then, np.full((200, 2), [0.3, 0.7]), np.arange(1000))["drifts"]
    assert prediction_drift("a", ("value",), positive[:, None], positive[:50, None] + 1, np.arange(1000))["drifts"]


def test_columns_are_divided_by_value_numbers_in_quarters_and_rare_values_together() -> None:
    assert divide(["b", "a", "b", None, " "])[0] == ["b", MISSING, "a"]
    names, codes = divide([str(number) for number in range(100)])
    assert names == ["from 0 to 24", "above 24 to 49", "above 49 to 74", "above 74 to 99"]
    assert np.bincount(codes).tolist() == [25] * 4
    names, codes = divide([*map(str, range(100)), None])
    assert names[-1] == MISSING and codes[-1] == 4
    names, codes = divide([f"user{row % 40}" for row in range(400)])
    assert len(names) == MOST + 1 and names[-1] == OTHERS and codes.max() == MOST
    assert divide([0, 1, 1, 0])[0] == ["0", "1"]


@given(st.lists(st.one_of(st.none(), st.integers(-5, 30), st.floats(allow_nan=True)), min_size=1, max_size=60))
def test_every_row_is_in_just_one_slice(cells: list[object]) -> None:
    names, codes = divide(cells)
    assert len(codes) == len(cells) and set(codes) <= set(range(len(names))) and len(set(names)) == len(names)


def test_a_slice_that_is_worse_than_the_others_is_found_and_few_rows_are_named() -> None:
    data = toy_table(400)
    codes = data.codes(SENTIMENT)
    platform = ["x" if row % 4 else "y" for row in range(400)]
    platform[:5] = ["z"] * 5
    said = np.where(np.array(platform) == "y", (codes + 1) % 3, codes)
    found = slices_of(SENTIMENT, Predictions(SENTIMENT, data.ids, np.eye(3)[said]), data, "platform", platform)
    against = {one["name"]: one["against"] for one in found["slices"]}
    assert (against["y"]["high"] or 0) < 0 < (against["x"]["low"] or 0)
    assert found["few"] == ["z"] and [one["name"] for one in found["slices"]] == ["x", "y", "z"]
    assert many_note([found]) == "" and "Of 12 slices about 1" in many_note([found] * 4)


def test_a_run_is_held_to_its_own_word(tmp_path: Path) -> None:
    data = toy_table(90, test_rows=30)
    truth = toy_table(120, test_rows=0).frame["sentiment"].to_numpy()
    run = finish(tmp_path / "run", data, HASHES)
    task, inside = data.tasks[0], data.take(run.plan.cv_rows)
    base = {name: run.store.base(name, task.name).read("oof", task) for name in HASHES}
    promise = Promise(
        read_report(run.store.stack(task.name)),
        base,
        np.arange(90),
        run.store.stack(task.name).read("oof", task).take(inside.ids),
        inside.labels(task),
    )
    later = data.take(run.plan.test_rows)
    later = later.with_columns(sentiment=truth[90:])
    test = run.store.stack(task.name).read("test", task)
    asked = {name: run.store.base(name, task.name).read("test", task) for name in HASHES}
    found = score_later(promise, Later(later, test, asked), {"half": ["a", "b"] * 15})
    assert found["rows"] == 30 and found["promised"] == promise.report["stack"]["metrics"]["macro_f1"]
    assert found["verdict"] == verdict(found["difference"]) and found["at_point"] is None
    assert set(found["calibration"]) == {"log_loss", "brier", "ece"} and set(found["reliability"]) == {"then", "now"}
    assert found["calibration"]["ece"]["chance"] is not None
    assert [one["what"] for one in found["drift"]] == ["a", "b", "stack"]
    assert found["slices"][0]["few"] == ["a", "b"]
    unlabelled = Later(later.without_labels(), test, asked)
    nothing = score_later(replace(promise, labels=None), unlabelled, {"half": ["a"] * 30})
    assert nothing["rows"] == 0 and nothing["verdict"] == "unknown" and nothing["slices"] == []


def posts_of(texts: list[str | None]) -> Dataset:
    frame = pd.DataFrame({"id": [f"n{row}" for row in range(len(texts))], "text": texts, "part": "test"}, dtype=object)
    return Dataset(frame.assign(image=None), Path("."), ())


def test_training_posts_are_known_by_their_contents_and_near_ones_counted() -> None:
    known, scans = scan(toy_table(60))
    texts = [*known.texts[:3], f"{known.texts[4]} https://t.co/x", "quite new", None]
    later, of_later = scan(posts_of(texts))
    compared = compare(later, of_later, Known(known, scans), ("text",))
    assert compared.same.tolist() == [True] * 3 + [False] * 3
    kept = later.take(~compared.same)
    drift = {one["what"]: one for one in input_drift(kept, known, compared.copies(~compared.same), ("text",))}
    assert drift["near copies of (other) training posts"]["now"] == "33.3%"
    assert drift["texts missing"]["now"] == "33.3%" and drift["texts missing"]["then"] == "0.0%"
    assert compare(later, of_later, None, ("text",)).same.tolist() == [False] * 6


def read(tmp_path: Path, table: str, named: dict[str, str], **options: object) -> Dataset:
    path = tmp_path / "later.csv"
    path.write_text(table)
    tasks = (Task("hate", ("no", "yes")), Task("stars", kind="regression", bounds=(1, 5)))
    return read_later_labels(path, read_posts(path, tasks, needed=("text",)), options, named, Dialect())[0]


def test_labels_are_read_as_those_of_the_runs_own_table(tmp_path: Path) -> None:
    options = {"tasks": {"hate": ["no", "yes"]}, "labels": {"hate": {"1": "yes", "0": "no"}}}
    posts = read(tmp_path, "id,text,hate\na,x,1\nb,y,0\nc,z,\n", {}, **options)
    assert posts.labels(posts.tasks[0]).tolist() == [1, 0, -1] and posts.task_names == ("hate",)
    posts = read(tmp_path, "id,text,hate,is_hate\na,x,?,yes\nb,y,?,no\n", {"hate": "is_hate"})
    assert posts.frame["hate"].tolist() == ["yes", "no"]
    assert read(tmp_path, "id,text,stars\na,x,2.5\n", {}).labels(Task("stars", kind="regression")).tolist() == [2.5]


@pytest.mark.parametrize(
    ("table", "named", "said"),
    [
        ("id,text\na,x\n", {}, "has no column of labels .*'hate'.*; --label hate=NAME names one"),
        ("id,text,hate\na,x,maybe\n", {}, "'maybe'"),
        ("id,text,stars\na,x,9\n", {}, "'9'; it must be a number from 1 to 5"),
        ("id,text,hate\na,x,yes\n", {"hate": "hat"}, "Did you mean 'hate'"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, table: str, named: dict[str, str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read(tmp_path, table, named)


def test_a_label_option_names_task_and_column() -> None:
    assert tasks_named(["hate=is hate=1"], ["hate"]) == {"hate": "is hate=1"}
    for option in ("hate", "hat=x"):
        with pytest.raises(DataError, match="must be TASK=COLUMN"):
            tasks_named([option], ["hate"])
