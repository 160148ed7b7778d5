"""The stack: joined by id, honest about its choice, at chance where there is nothing to find."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from support.toys import TOYS
from support.world import SARCASM, SENTIMENT, toy_table

from base_models import LEARNERS as LEARNERS_REGISTRY
from ensemble.data import Dataset, Task
from ensemble.datasets.submission_formats import FORMATS
from ensemble.errors import ConfigError, StoreError
from ensemble.jobs.importing import bring_in
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.metrics import METRICS, score
from ensemble.provenance import Provenance
from ensemble.records import BaseRecord
from ensemble.results import Results
from ensemble.run import Run
from ensemble.scoring import baseline, score_card
from ensemble.system.files import read_json, write_json
from meta import META_ESTIMATORS
from meta.decisions import write_submission
from meta.stack import Stack, read_stack, stack_task
from meta.summary import stack_tasks
from meta.table import StackSettings, assemble, choose_learners, unfinished_learners
from meta.wording import selection_note

ALL = StackSettings()
FEW = StackSettings(("best_single", "soft_vote", "logistic_regression"))
LEARNERS = {"prior": ("prior", {}), "tfidf": ("tfidf", {}), "words": ("tfidf", {"characters": 2})}
Make = Callable[..., Run]


def trained(make_run: Make, data: Dataset, **settings: object) -> Run:
    run = make_run(data, LEARNERS, **settings)
    assert train(run, list_work(run, run.specs, data.tasks, ())) == []
    return run


def test_stacking_writes_probabilities_for_every_row_inside_and_outside_the_folds(make_run: Make) -> None:
    run = trained(make_run, toy_table(150, test_rows=20))
    report = stack_task(run, SENTIMENT, ALL)
    stack = read_stack(run, assemble(run, SENTIMENT, ALL))
    oof, test = stack.oof, stack.test
    assert set(oof.ids) == {f"post{number}" for number in range(150)}
    assert set(test.ids) == {f"post{number}" for number in range(150, 170)}
    assert report["stack"]["rows"] == 150
    assert set(report["candidates"]) == set(META_ESTIMATORS)


def canary(make_run: Make, learners: dict[str, tuple[str, dict[str, object]]]) -> tuple[dict[str, Any], float]:
    """The stack's report on shuffled labels, and the macro-F1 that guessing reaches once in a thousand times."""
    data = toy_table(2000, seed=5)
    random = np.random.default_rng(7)
    run = make_run(data.with_columns(sentiment=random.permutation(data.frame["sentiment"])), learners, k=5)
    run = replace(run, registry={**LEARNERS_REGISTRY, **TOYS})
    assert train(run, list_work(run, run.specs, run.data.tasks, ())) == []
    report = stack_task(run, SENTIMENT, ALL)
    truth = run.data.labels(SENTIMENT)
    guesses = [score(METRICS["macro_f1"], truth, np.eye(3)[random.permutation(truth)]) for _ in range(300)]
    return report, float(np.mean(guesses) + 3.3 * np.std(guesses))


def test_shuffled_labels_leave_the_stack_at_chance_and_it_says_that_nothing_is_shown(make_run: Make) -> None:
    """The leak canary: whatever sees a held-out label, in folds, learners, choice or rule, lifts this above chance."""
    report, limit = canary(make_run, LEARNERS)
    scored = report["stack"]["metrics"]["macro_f1"]
    assert scored["value"] <= limit and scored["low"] <= 1 / 3
    assert not report["proven"] and selection_note(report).startswith("No candidate")


def test_the_canary_notices_a_learner_that_knows_a_fifth_of_the_held_out_labels(make_run: Make) -> None:
    report, limit = canary(make_run, {**LEARNERS, "leaking": ("leaking", {"share": 0.2})})
    assert report["stack"]["metrics"]["macro_f1"]["value"] > limit


def test_labels_that_can_be_read_off_the_text_are_found(make_run: Make) -> None:
    """The canary's counterpart: the same pipeline is far above chance where there is something to find."""
    run = trained(make_run, toy_table(400, seed=5), k=5)
    assert stack_task(run, SENTIMENT, FEW)["stack"]["metrics"]["macro_f1"]["low"] > 0.5


def test_a_finished_stack_is_read_and_not_made_again(make_run: Make) -> None:
    run = trained(make_run, toy_table(120))
    stack_task(run, SENTIMENT, FEW)
    written = (run.store.stack("sentiment").path / "oof.parquet").stat().st_mtime_ns
    stack_task(run, SENTIMENT, FEW)
    assert (run.store.stack("sentiment").path / "oof.parquet").stat().st_mtime_ns == written


def test_a_stack_is_stale_once_other_learners_or_candidates_are_wanted(make_run: Make) -> None:
    run = trained(make_run, toy_table(120))
    stack_task(run, SENTIMENT, FEW)
    with pytest.raises(StoreError, match="stale: estimators"):
        read_stack(run, assemble(run, SENTIMENT, StackSettings(("soft_vote",))))
    with pytest.raises(StoreError, match="stale: learner"):
        read_stack(run, assemble(run, SENTIMENT, replace(FEW, learners=("prior", "tfidf"))))


def test_a_forest_that_is_left_out_is_said_in_the_record_and_once_named_with_all_the_stack_is_another(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meta.many_rows.CELLS", 100)
    run = trained(make_run, toy_table(120))
    report = stack_task(run, SENTIMENT, StackSettings())
    assert "random_forest" not in report["candidates"]
    assert report["warnings"]["many_rows"][0].startswith("The random forest was left out")
    with pytest.raises(StoreError, match="stale: costly"):
        read_stack(run, assemble(run, SENTIMENT, StackSettings(tuple(META_ESTIMATORS))))


def test_learners_that_are_not_finished_are_refused_by_name(make_run: Make) -> None:
    run = make_run(toy_table(60), LEARNERS)
    with pytest.raises(StoreError, match=r"prior.*not finished.*ensemble train-base --learner prior"):
        stack_task(run, SENTIMENT, FEW)


def test_the_labelled_test_part_is_scored_only_in_the_stack_report(make_run: Make) -> None:
    run = trained(make_run, toy_table(200), test_fraction=0.2)
    report = stack_task(run, SENTIMENT, FEW)
    outside = len(run.plan.test_rows)
    assert 30 <= outside <= 50
    assert report["test"]["cards"]["stack"]["rows"] == outside
    assert report["stack"]["rows"] == 200 - outside
    assert {"low", "high"} <= set(report["test"]["cards"]["stack"]["metrics"]["macro_f1"])
    base = [run.results.base_record(name, SENTIMENT)["oof"]["rows"] for name in LEARNERS]
    assert base == [200 - outside] * 3


def test_the_plain_mean_is_of_the_learners_own_probabilities(make_run: Make) -> None:
    run = trained(make_run, toy_table(120, test_rows=10))
    only = StackSettings(("soft_vote",))
    stack_task(run, SENTIMENT, only)
    stack = read_stack(run, assemble(run, SENTIMENT, only))
    oof, test = stack.oof, stack.test
    for part, made in (("oof", oof), ("test", test)):
        folders = [run.store.base(name, "sentiment") for name in LEARNERS]
        expected = np.mean([f.read(part, SENTIMENT).take(made.ids).values for f in folders], axis=0)
        np.testing.assert_allclose(made.values, expected, atol=1e-6)


def test_a_run_of_several_tasks_ends_in_a_linted_file_and_one_headline_per_task(make_run: Make) -> None:
    data = toy_table(150, test_rows=12, tasks=(SENTIMENT, SARCASM))
    run = trained(make_run, data)
    summary = stack_tasks(run, data.tasks, FEW)
    assert set(summary["subtasks"]) == {"sentiment", "sarcasm"}
    assert {"tfidf", "plain mean", "stack"} <= set(summary["subtasks"]["sarcasm"])
    handed = write_submission(run, FORMATS["csv"], None, FEW)
    lines = (run.store.submission / "submission.csv").read_text().splitlines()
    assert lines[0] == "id,sentiment,sarcasm" and len(lines) == 13
    assert handed["oof"]["sentiment"]["value"] == pytest.approx(summary["subtasks"]["sentiment"]["stack"]["value"])
    of_text = {f"macro_f1 of {name}": pytest.approx(handed["oof"][name]["value"]) for name in ("sentiment", "sarcasm")}
    assert handed["read_back"] == of_text and handed["notes"] == []


def test_a_loaded_stack_predicts_the_test_rows_again(make_run: Make) -> None:
    run = trained(make_run, toy_table(150, test_rows=20))
    stack_task(run, SENTIMENT, FEW)
    test = read_stack(run, assemble(run, SENTIMENT, FEW)).test
    stack = Stack.load(run.store.stack("sentiment"))
    folders = [run.store.base(name, "sentiment") for name in stack.learners]
    features = np.hstack([f.read("test", SENTIMENT).take(test.ids).values for f in folders])
    values, labels = stack.predict(features)
    np.testing.assert_allclose(values, test.values, atol=1e-12)
    assert (labels == test.labels()).all()


def test_threads_change_no_bit_of_a_stack(make_run: Make) -> None:
    run = trained(make_run, toy_table(120))
    mixed = StackSettings(("soft_vote", "greedy", "logistic_regression", "random_forest", "xgboost"))
    written = []
    for threads in (1, 3):
        stack_task(run, SENTIMENT, replace(mixed, threads=threads))
        folder = run.store.stack("sentiment")
        written.append((folder.path / "oof.parquet").read_bytes())
        folder.record.unlink()
    assert written[0] == written[1]


def test_related_tasks_are_further_columns_and_make_a_stack_stale(make_run: Make) -> None:
    data = toy_table(150, test_rows=12, tasks=(SENTIMENT, SARCASM))
    run = trained(make_run, data)
    stack_task(run, SENTIMENT, FEW)
    related = replace(FEW, related=True)
    with pytest.raises(StoreError, match="stale"):
        read_stack(run, assemble(run, SENTIMENT, related))
    inputs = assemble(run, SENTIMENT, related)
    table = inputs.table
    assert table.features.shape[1] == 3 * 3 + 1
    np.testing.assert_allclose(
        table.related[:, 0],
        np.mean([run.store.base(n, "sarcasm").read("oof", SARCASM).values[:, 1] for n in LEARNERS], axis=0),
    )
    assert "sarcasm/tfidf" in inputs.records
    assert stack_task(run, SENTIMENT, related)["stack"]["rows"] == 150


def test_calibrated_learners_give_a_stack_of_lower_log_loss_where_they_were_too_sure(make_run: Make) -> None:
    run = trained(make_run, toy_table(300, seed=3))
    run = replace(run, registry={**LEARNERS_REGISTRY, **TOYS})
    only = StackSettings(("soft_vote",), ("tfidf", "words"))
    plain = stack_task(run, SENTIMENT, only)["stack"]["metrics"]["log_loss"]["value"]
    calibrated = stack_task(run, SENTIMENT, replace(only, calibrate=True))["stack"]["metrics"]["log_loss"]["value"]
    assert calibrated < plain


@dataclass(frozen=True)
class CountingResults(Results):
    """Counts how often records of learners are read, and imported learners are looked for."""

    counts: Counter[str] = field(default_factory=Counter)

    def base_record(self, name: str, task: Task) -> BaseRecord:
        self.counts[f"{task.name}/{name}"] += 1
        return super().base_record(name, task)

    def imported(self, task: Task) -> list[str]:
        self.counts["imported"] += 1
        return super().imported(task)


class Counting(Run):
    @cached_property
    def results(self) -> CountingResults:
        of = super().results
        return CountingResults(of.store, of.learners, of.seeds)


def counting(run: Run) -> Counting:
    return Counting(**{each.name: getattr(run, each.name) for each in fields(run)})


def test_imported_learners_are_looked_for_as_often_whatever_the_number_of_learners(make_run: Make) -> None:
    looked = []
    for learners in ({"prior": ("prior", {})}, {f"prior{number}": ("prior", {}) for number in range(9)}):
        run = counting(make_run(toy_table(60), learners))
        assert len(choose_learners(run, SENTIMENT, ())) == len(learners)
        looked.append(run.results.counts["imported"])
    assert looked == [2, 2]


def test_only_learners_with_results_of_all_folds_are_stacked_unless_they_are_named(make_run: Make) -> None:
    run = make_run(toy_table(90), LEARNERS)
    prior, tfidf = run.specs[:2]
    assert choose_learners(run, SENTIMENT, ()) == tuple(LEARNERS)  # the first is refused, with what to do about it
    assert train(run, list_work(run, (prior,), run.data.tasks, ())) == []
    assert train(run, list_work(run, (tfidf,), run.data.tasks, (0, 1))) == []
    assert choose_learners(run, SENTIMENT, ()) == ("prior",)
    assert unfinished_learners(run, SENTIMENT) == ["tfidf", "words"]
    assert stack_task(run, SENTIMENT, StackSettings(("soft_vote",)))["stacked"] == ["prior"]
    named = StackSettings(("soft_vote",), ("prior", "tfidf"))
    assert choose_learners(run, SENTIMENT, named.learners) == ("prior", "tfidf")
    with pytest.raises(StoreError, match="tfidf"):
        stack_task(run, SENTIMENT, named)
    with pytest.raises(ConfigError, match=r"Unknown base learner 'wrods'. Did you mean 'words'"):
        choose_learners(run, SENTIMENT, ("prior", "wrods"))
    assert train(run, list_work(run, (tfidf,), run.data.tasks, (2,))) == []
    assert choose_learners(run, SENTIMENT, ()) == ("prior", "tfidf")


def test_what_was_imported_with_unknown_folds_is_stacked_only_where_it_is_named(make_run: Make) -> None:
    run = make_run(toy_table(90), {})
    with pytest.raises(ConfigError, match="There is nothing to stack"):
        choose_learners(run, SENTIMENT, ())
    inside, outside = run.data.take(run.plan.cv_rows), run.data.take(run.plan.test_rows)
    said = baseline(SENTIMENT, inside)
    parts = {"oof": said, "test": baseline(SENTIMENT, outside, inside.labels(SENTIMENT))}
    for name, folds in (("ours", "run"), ("theirs", "unknown")):
        made_of, card = Provenance.of_import(run.identity, SENTIMENT, []), score_card(SENTIMENT, said, inside)
        bring_in(run, name, parts, made_of, seconds=1.0, folds=folds, modality="text", oof=card)
    assert choose_learners(run, SENTIMENT, ()) == ("ours",)
    assert choose_learners(run, SENTIMENT, ("theirs",)) == ("theirs",)


def test_each_learner_of_each_task_is_read_once_to_stack_and_to_sum_up(make_run: Make) -> None:
    data = toy_table(90, tasks=(SENTIMENT, SARCASM))
    run = counting(trained(make_run, data))
    stack_tasks(run, data.tasks, StackSettings(("soft_vote",)))
    expected = {f"{task}/{name}": 1 for task in data.task_names for name in LEARNERS}
    assert {name: count for name, count in run.results.counts.items() if name != "imported"} == expected


def test_a_stack_of_an_older_version_is_refused_in_one_line_and_made_again(make_run: Make) -> None:
    run = trained(make_run, toy_table(90))
    stack_task(run, SENTIMENT, FEW)
    folder = run.store.stack("sentiment")
    path = folder.record
    record = read_json(path)
    del record["made_of"]["record"], record["reason"]
    write_json(path, {**record, "why": "It is good."})
    line = r"sentiment was made by an older version: run `ensemble stack --task sentiment` again\.$"
    with pytest.raises(StoreError, match=line):
        read_stack(run, assemble(run, SENTIMENT, FEW))
    with pytest.raises(StoreError, match="made by an older version"):
        Stack.load(folder)
    assert stack_task(run, SENTIMENT, FEW)["reason"]["tried"] == 1
