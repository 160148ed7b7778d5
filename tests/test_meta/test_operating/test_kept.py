"""The chosen point is kept for one stack, applied to new posts, and refused under another stack."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
from support.finished import HASHES, REGISTRY, finish
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.data import Dataset
from ensemble.errors import ConfigError, StoreError
from ensemble.jobs.run_record import RunRecord
from ensemble.run import Run
from ensemble.system.files import read_json
from meta.loaded_stack import load_stacks, predict_posts
from meta.operating.asked import Asked
from meta.operating.kept import choose_point, remove_point
from meta.operating.points import REVIEW
from meta.post_predictions import PostPredictions, render_csv, render_json_lines
from meta.stack import stack_task
from meta.table import StackSettings


@pytest.fixture
def data() -> Dataset:
    return toy_table(60, test_rows=20, tasks=(SENTIMENT, SARCASM))


@pytest.fixture
def run(tmp_path: Path, data: Dataset) -> Run:
    return finish(tmp_path / "run", data, HASHES)


def ask(run: Run, data: Dataset, operating_points: bool = True) -> dict[str, PostPredictions]:
    opened = RunRecord.read(run.store.root).open(REGISTRY)
    stacks = load_stacks(opened, opened.data.tasks, operating_points)
    return {one.predictions.task.name: one for one in predict_posts(opened, stacks, data.take(run.plan.test_rows))}


def test_new_posts_get_labels_at_the_point_and_one_line_says_so(
    run: Run, data: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    before = ask(run, data)
    found = choose_point(run, SARCASM, Asked(recall=0.9))
    assert found["rows"] == 60 and found["folds"] == 3 and sum(found["counts"].values()) == 60
    caplog.set_level(logging.WARNING)
    after = ask(run, data)
    assert caplog.messages.count(f"sarcasm: labels at the operating point: {found['says']}.") == 1
    assert (after["sarcasm"].predictions.values == before["sarcasm"].predictions.values).all()
    high = found["point"]["high"]
    assert [name == "1" for name in after["sarcasm"].names] == [
        value >= high for value in after["sarcasm"].predictions.values[:, 1]
    ]
    assert after["sentiment"].names == before["sentiment"].names
    assert ask(run, data, operating_points=False)["sarcasm"].names == before["sarcasm"].names


def test_posts_for_review_are_written_as_such_in_place_of_a_label(run: Run, data: Dataset) -> None:
    choose_point(run, SENTIMENT, Asked(review=0.5))
    predicted = ask(run, data)["sentiment"]
    assert 0 < predicted.names.count(REVIEW) < len(predicted.names)
    assert predicted.counts[REVIEW] == predicted.names.count(REVIEW)
    assert sum(predicted.counts.values()) == len(predicted.names)
    assert f",{REVIEW}," in render_csv([predicted])
    assert f'"label": "{REVIEW}"' in render_json_lines([predicted])
    assert np.abs(predicted.shares).sum() > 0  # of the label that the stack would have given


def test_another_stack_refuses_the_point_and_says_how_to_choose_it_again(run: Run, data: Dataset) -> None:
    choose_point(run, SARCASM, Asked(costs=("1=5", "review=0.3")))
    stack_task(run, SARCASM, StackSettings(estimators=("log_odds_mean",)))
    with pytest.raises(StoreError) as refused:
        ask(run, data)
    said = str(refused.value)
    assert "was chosen for another stack of sarcasm" in said and "--task sarcasm --cost 1=5 --cost review=0.3`" in said
    assert "--undo" in said and "--no-operating-point" in said and "\n" not in said
    assert len(ask(run, data, operating_points=False)) == 2
    choose_point(run, SARCASM, Asked(recall=0.5))
    assert len(ask(run, data)) == 2


def test_a_point_can_be_taken_away_again(run: Run, data: Dataset) -> None:
    before = ask(run, data)["sarcasm"].names
    choose_point(run, SARCASM, Asked(recall=1.0))
    assert ask(run, data)["sarcasm"].names != before
    assert remove_point(run, SARCASM) and not remove_point(run, SARCASM)
    assert ask(run, data)["sarcasm"].names == before


@pytest.mark.parametrize(
    "damage",
    [
        {"kind": "thresholds", "label": 7, "low": 0, "high": 1},
        {"kind": "thresholds", "label": 1, "low": 0.6, "high": 0.4},
        {"kind": "thresholds", "label": 1, "low": 0, "high": "much"},
        {"kind": "thresholds", "label": 1, "low": 0, "high": float("nan")},
        {"kind": "thresholds", "label": 1},
        {"kind": "least_sure", "least": None},
        {"kind": "least_sure", "least": 0.5, "more": 1},
        {"kind": ["costs"]},
        {"kind": "magic"},
        {"kind": "costs", "matrix": 3},
        {"kind": "costs", "matrix": [[0, float("inf")], [1, 0]]},
        ["thresholds"],
        None,
    ],
)
def test_a_damaged_point_is_refused(run: Run, data: Dataset, damage: object) -> None:
    choose_point(run, SARCASM, Asked(recall=0.9))
    path = run.store.operating_point("sarcasm")
    path.write_text(json.dumps(read_json(path) | {"point": damage}))  # by hand: NaN among the numbers
    with pytest.raises(StoreError, match="The operating point of 'sarcasm' is damaged") as refused:
        ask(run, data)
    assert "\n" not in str(refused.value) and "`ensemble thresholds` chooses it anew" in str(refused.value)


def test_without_a_stack_there_is_nothing_to_choose_by(run: Run) -> None:
    run.store.stack("sarcasm").clear()
    with pytest.raises(StoreError, match="is not finished; run `ensemble stack --task sarcasm`"):
        choose_point(run, SARCASM, Asked(recall=0.9))
    with pytest.raises(ConfigError, match="One question at a time"):
        choose_point(run, SARCASM, Asked())
