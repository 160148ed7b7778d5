"""Regression from jobs to results, and a kind of task that only these tests know."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.toys import TOYS, Level
from support.world import NUMBER, number_table

from base_models.prior import Prior
from ensemble.data import Dataset, Floats, Task
from ensemble.errors import ConfigError, PredictionsError
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.importing import import_predictions
from ensemble.jobs.job import list_work
from ensemble.jobs.status import finished, status
from ensemble.jobs.train import train
from ensemble.metrics.metric import Metric
from ensemble.metrics.numbers import NumberMetrics
from ensemble.metrics.selection import FAMILIES
from ensemble.predictions import Predictions
from ensemble.run import Run
from ensemble.targets import TARGETS
from ensemble.targets.number import Regression
from ensemble.tuning.search import TuneSettings
from ensemble.tuning.trials import tune

MakeRun = Callable[..., Run]
REGISTRY = {**TOYS, "prior": "base_models.prior:Prior"}


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    """60 training rows in three folds, 10 of a development part, of which 2 without a number, and 5 test rows."""
    Level.development.clear()
    values = np.random.default_rng(1).uniform(-1, 1, 75)
    values[[62, 63]] = np.nan
    values[70:] = np.nan
    data = number_table(np.nan_to_num(values), 10, 5)
    data = data.with_columns(mood=pd.Series(values, dtype=object).where(~np.isnan(values), None))
    return make_run(data, {"level": ("level", {}), "prior": ("prior", {})}, registry=REGISTRY)


def train_all(run: Run) -> None:
    assert train(run, list_work(run, run.specs, run.data.tasks, ())) == []


def test_numbers_go_from_the_folds_to_a_score_card_and_the_development_part_is_scored_apart(run: Run) -> None:
    train_all(run)
    cards = {card["learner"]: card for card in finished(run, run.specs, run.data.tasks)}
    assert cards["level"]["oof"]["rows"] == 60 and cards["level"]["dev"]["rows"] == 8
    mae = {name: card["oof"]["metrics"]["mae"] for name, card in cards.items()}
    assert (mae["level"]["value"] or 9) < (mae["prior"]["value"] or 0)
    assert (mae["level"]["low"] or 9) < (mae["level"]["value"] or 0) < (mae["level"]["high"] or 0)
    assert "classes" not in cards["level"]["oof"] and cards["level"]["oof"]["metrics"]["pearson"]["value"] > 0.9
    there = run.store.base("level", "mood").read("test", NUMBER)
    assert there.ids.tolist() == run.data.ids[run.plan.outside_rows].tolist() and there.values.shape == (15, 1)


def test_only_known_rows_of_the_development_part_are_shown_and_never_fitted(run: Run) -> None:
    train_all(run)
    shown = [f"p{row}" for row in range(60, 70) if row not in (62, 63)]
    assert Level.development == [shown] * 3


def test_the_prior_is_the_median_of_the_fit_rows_and_is_kept(run: Run, tmp_path: Path) -> None:
    fit = run.data.take(run.plan.fit_rows(0))
    prior = Prior()
    prior.fit(fit, NUMBER, 0)
    assert (prior.predict(run.data) == np.median(fit.labels(NUMBER))).all()
    prior.save(tmp_path)
    loaded = Prior()
    loaded.load(tmp_path)
    assert (loaded.predict(run.data) == prior.predict(run.data)).all()


def test_a_learner_of_classes_alone_is_refused_before_the_first_job(make_run: MakeRun) -> None:
    run = make_run(number_table(np.linspace(-1, 1, 30)), {"hash": ("hash", {})}, registry=TOYS)
    with pytest.raises(ConfigError, match=r"base\.hash: Hash has no method 'predict' and so cannot learn 'mood'"):
        list_work(run, run.specs, run.data.tasks, ())
    with pytest.raises(ConfigError, match=r"base\.hash"):
        status(run)


def test_numbers_made_elsewhere_come_in_by_the_column_value(run: Run, tmp_path: Path) -> None:
    inside, outside = run.plan.cv_rows, run.plan.outside_rows
    oof = pd.DataFrame({"id": run.data.ids[inside], "value": -1.0, "fold": run.plan.fold[inside]})
    oof.to_csv(tmp_path / "oof.csv", index=False)
    pd.DataFrame({"id": run.data.ids[outside], "value": 2.5}).to_csv(tmp_path / "test.csv", index=False)
    found = import_predictions(run, "theirs", NUMBER, tmp_path / "oof.csv", tmp_path / "test.csv", False)
    assert found["oof"]["rows"] == 60 and found["oof"]["metrics"]["pearson"]["value"] is None
    assert run.results.base_record("theirs", NUMBER)["dev"]["rows"] == 8
    oof.assign(value="good").to_csv(tmp_path / "oof.csv", index=False)
    with pytest.raises(PredictionsError, match="holds 'good'; predictions must be numbers"):
        import_predictions(run, "others", NUMBER, tmp_path / "oof.csv", tmp_path / "test.csv", False)


@pytest.mark.parametrize("metric", ["mae", "pearson"])
def test_tuning_follows_the_direction_of_the_metric(run: Run, metric: str) -> None:
    task = replace(NUMBER, metric=metric)
    judged = replace(run, data=replace(run.data, tasks=(task,)))
    found = tune(judged, "level", task, TuneSettings(space={"dial": [-1.0, 0.0, 1.0]}, folds="all", prune=False))
    assert found.trials[0].params == {"dial": 1.0} or metric == "pearson"
    assert found.trials[0].params != {"dial": -1.0}


def test_numbers_and_what_a_rule_made_of_them_are_written_and_read(tmp_path: Path) -> None:
    ids = np.array(["a", "b"], dtype=object)
    decided = Predictions(NUMBER, ids, np.array([[-1.25], [7.0]]), decided=np.array([-1.0, 1.0]))
    decided.write(tmp_path / "x.parquet", {})
    again = Predictions.read(tmp_path / "x.parquet", NUMBER)
    assert (again.values == decided.values).all() and again.labels().tolist() == [-1.0, 1.0]
    with pytest.raises(PredictionsError, match=r"Predictions for 'mood' are not finite in 1 rows; row 'a' has nan"):
        Predictions(NUMBER, ids, np.array([[np.nan], [1]]))


class Share(Regression):
    """A kind that tests alone know: numbers from 0 to 1, asked of learners by ``predict_share``."""

    metric = "half"
    method = "predict_share"


class ShareMetrics(NumberMetrics):
    def fitting(self, task: Task) -> dict[str, Metric]:
        return {"half": Metric("half", lambda labels, values, weights: weights @ (values[:, 0] < 0.5), kind="share")}


class Shares(Level):
    def predict_share(self, data: Dataset) -> Floats:
        return self.predict(data).clip(0, 1)


def test_a_kind_more_is_one_class_a_layer_and_one_line_each(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "share", Share())
    monkeypatch.setitem(FAMILIES, "share", ShareMetrics())
    task = Task("mood", kind="share")  # type: ignore[arg-type]
    data = replace(number_table(np.linspace(0, 1, 30)), tasks=(task,))
    run = make_run(data, {"shares": ("shares", {})}, registry={"shares": f"{__name__}:Shares"})
    train_all(run)
    (card,) = finished(run, run.specs, run.data.tasks)
    assert (card["oof"]["metric"], card["oof"]["rows"]) == ("half", 30)
    plan = make_plan(data, np.arange(30), FoldSettings(k=3))
    assert sorted(np.bincount(plan.fold)) == [10, 10, 10]
