"""A kind of task that only these tests know is stacked and reported: a class for its labels, one for its stack, a line
each."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.regressions import imported, knowing, regression_data

from ensemble.content.audit import audit
from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.datasets.submission_formats import FORMATS
from ensemble.metrics.numbers import NumberMetrics
from ensemble.metrics.selection import FAMILIES
from ensemble.targets import TARGETS
from ensemble.targets.number import Regression
from meta.decisions import write_submission
from meta.numbers import StackedNumbers
from meta.report.gather import gather_facts
from meta.report.page import draw_page
from meta.stack import Stack, stack_task
from meta.summary import stack_tasks
from meta.table import StackSettings, assemble
from meta.targets import STACK_TARGETS


class CountTarget(Regression):
    """Numbers of things: labels are whole, and none is below zero."""

    def invalid(self, task: Task, column: "pd.Series[Any]") -> tuple[np.ndarray, str]:
        bad, _ = super().invalid(task, column)
        return bad | (column.dropna().reindex(column.index).fillna(0).astype(float) < 0).to_numpy(), "a count"


class StackedCounts(StackedNumbers):
    """Means, and no more."""

    estimators: Mapping[str, str] = {"mean": "meta.regressors:mean", "median": "meta.regressors:median"}
    simple: Sequence[str] = ("mean",)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Task:
    monkeypatch.setitem(TARGETS, "count", CountTarget())
    monkeypatch.setitem(FAMILIES, "count", NumberMetrics())
    monkeypatch.setitem(STACK_TARGETS, "count", StackedCounts())  # type: ignore[misc]
    return Task("stars", metric="rmse", kind="count")  # type: ignore[arg-type]


def test_a_kind_of_task_more_is_stacked_handed_in_and_reported(counted: Task, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    labels = random.poisson(4, 120).astype(np.float64)
    whole: Dataset = regression_data(labels, counted, test_rows=10)
    values = np.r_[labels, random.poisson(4, 10)]
    run = imported(tmp_path, whole, {name: knowing(random, values, 0.7) for name in "abc"}, k=3)
    settings = StackSettings()
    report = stack_task(run, counted, settings)
    assert set(report["candidates"]) == {"mean", "median"} and report["metric"] == "rmse"
    assert Stack.load(run.store.stack("stars")).members[0].kind == "count"
    table = assemble(run, counted, settings).table
    assert Stack.load(run.store.stack("stars")).predict(table.test_features)[0].shape == (10, 1)
    assert stack_tasks(run, [counted], settings)["subtasks"]["stars"]["stack"]["value"] < labels.std()
    assert write_submission(run, FORMATS["csv"], None, settings)["rows"] == 10
    facts = gather_facts(run, settings, audit(run.data, scan(run.data)[1]))
    assert facts.tasks[0].numbers is not None and "stars" in json.dumps(facts.as_json(), default=str)
    assert "Predicted against true" in draw_page(facts, run.data.root)
