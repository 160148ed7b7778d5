"""Results as frames: a row for each score, with its interval."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cli.api.work import Trained
from ensemble.predictions import Predictions
from ensemble.scoring import ScoreCard
from meta.operating.kept import ChosenPoint
from meta.post_predictions import PostPredictions, columns_of
from meta.records import StackedTasks

Row = dict[str, object]


def trained_frame(found: Trained) -> pd.DataFrame:
    """Columns ``task``, ``name``, ``metric``, ``score``, ``low`` and ``high`` (95 %), ``rows``, ``seconds``,
    ``parameters``; the last row of each task is what knows its labels alone."""
    rows = []
    for task, baseline in found.baselines.items():
        for card in found.learners:
            if card["task"] == task:
                cost = {"seconds": card["seconds"], "parameters": card["parameters"]}
                rows.append({"task": task, "name": card["learner"], **_score(card["oof"]), **cost})
        rows.append({"task": task, "name": baseline["baseline"], **_score(baseline)})
    return pd.DataFrame(rows)


def stack_frame(found: StackedTasks) -> pd.DataFrame:
    """Columns ``task``, ``part`` ("oof", "test", "development"), ``kind`` ("learner", "candidate", "stack",
    "baseline"), ``name``, ``metric``, ``score``, ``low``, ``high``, ``rows``, ``member`` (candidates whose mean the
    stack is)."""
    return pd.DataFrame(list(_stack_rows(found)))


def _stack_rows(found: StackedTasks) -> Iterator[Row]:
    for report in found["tasks"]:
        task, baselines = report["task"], found["baselines"]
        kinds: dict[str, dict[str, ScoreCard]] = {
            "learner": {**report["learners"]},
            "candidate": {**report["candidates"]},
            "stack": {"stack": report["stack"]},
        }
        for kind, cards in kinds.items():
            for name, card in cards.items():
                is_member = kind == "candidate" and name in report["members"]
                yield _row(task, "oof", kind, name, card) | {"member": is_member}
        baseline = baselines["oof"][task]
        yield _row(task, "oof", "baseline", baseline["baseline"], baseline)
        for part in ("test", "development"):
            if part in report:
                for name, card in report[part]["cards"].items():
                    yield _row(task, part, "stack" if name == "stack" else "learner", name, card)


def _row(task: str, part: str, kind: str, name: str, card: ScoreCard) -> Row:
    return {"task": task, "part": part, "kind": kind, "name": name, **_score(card), "member": False}


def _score(card: ScoreCard) -> Row:
    """The metric that the task is judged by; nothing where no row has a label."""
    if not card["rows"]:
        return {"metric": None, "score": None, "low": None, "high": None, "rows": 0}
    score = card["metrics"][card["metric"]]
    ends = {"low": score.get("low"), "high": score.get("high")}
    return {"metric": card["metric"], "score": score["value"], **ends, "rows": card["rows"]}


def point_frame(found: ChosenPoint) -> pd.DataFrame:
    """Columns ``name``, ``value``, ``low`` and ``high`` (95 %), ``in_sample`` (on the rows it was chosen on)."""
    rows = []
    for name, figure in found["figures"].items():
        ends = {"low": figure.get("low"), "high": figure.get("high")}
        rows.append({"name": name, "value": figure["value"], **ends, "in_sample": found["in_sample"].get(name)})
    return pd.DataFrame(rows)


def predictions_frame(found: Predictions) -> pd.DataFrame:
    """Columns as those of ``predict``, without shares."""
    return pd.DataFrame(columns_of([PostPredictions(found, (), np.zeros((len(found.ids), 0)))]))
