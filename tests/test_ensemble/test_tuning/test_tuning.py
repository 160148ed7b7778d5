"""Tuning: the best parameters found on rows the stack is not scored on, every trial finished once."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.toys import TOYS, Dial
from support.world import SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.errors import ConfigError, LearnerError, StoreError
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.job import list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import train
from ensemble.result_folder import DONE
from ensemble.run import Run
from ensemble.store import BEST
from ensemble.system.files import read_json
from ensemble.tuning.outcome import StudySummary
from ensemble.tuning.search import TuneSettings
from ensemble.tuning.trials import tune

GRID = {"dial": [0.1, 0.7, 0.3]}
ONE = TuneSettings(space=GRID, folds=1)


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    """200 posts in three folds, a learner that is best at dial = .7 and set to .3."""
    Dial.seen.clear()
    Dial.fits.clear()
    return make_run(toy_table(200, test_rows=6), {"dial": ("dial", {})}, registry=TOYS)


def tuned(run: Run, **params: object) -> Run:
    """The same run whose learner takes what was found."""
    return replace(run, specs=(LearnerSpec("dial", "dial", params, tuned=True),))


def search(run: Run, settings: TuneSettings = ONE, **others: Any) -> StudySummary:
    return tune(run, "dial", SENTIMENT, settings, **others)


def best_of(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.store.tune("dial", "sentiment") / BEST).read_text())
    return found


def test_what_is_found_is_better_than_what_is_set(run: Run) -> None:
    found = search(run, TuneSettings(trials=14))
    first = next(row for row in found.trials if row.trial == 0)
    assert first.params == {} and len(found.trials) == 14
    best = best_of(run)
    assert abs(best["params"]["dial"] - 0.7) < 0.15 and best["score"] > first.score + 0.05
    assert best["trial"] == found.trials[0].trial and best["values"] == found.trials[0].values


def test_rows_of_the_first_fold_reach_no_learner_and_no_score(run: Run) -> None:
    found = search(run, TuneSettings(trials=4))
    rows = set(run.data.take(run.plan.fit_rows(0)).ids)
    assert Dial.seen == rows
    assert (found.judged, found.unseen, found.rows, found.folds) == ([1, 2], [0], len(rows), 3)


def test_copies_of_a_post_stay_together_in_nested_folds() -> None:
    data = toy_table(90)
    plan = make_plan(data, np.arange(90) // 3, FoldSettings(k=3)).nested(data, 0, seed=5)
    folds = plan.frame[plan.fold >= 0].groupby("group")["fold"].nunique()
    assert (folds == 1).all() and len(plan.test_rows) == 0 and len(plan.cv_rows) == 60


def test_the_same_command_continues_and_finished_folds_are_not_trained_again(run: Run) -> None:
    three = TuneSettings(trials=3, prune=False, folds=2)
    few, fits = search(run, three), list(Dial.fits)
    assert search(run, three) == few and Dial.fits == fits
    more = search(run, replace(three, trials=5))
    assert len(more.trials) == 5 and len(Dial.fits) == 10 and more.study == few.study


def test_a_continued_study_proposes_what_an_undisturbed_one_does(run: Run, make_run: Callable[..., Run]) -> None:
    for trials in (2, 4):
        search(run, TuneSettings(trials=trials, folds=1))
    other = make_run(run.data, {"dial": ("dial", {})}, registry=TOYS, folder="other")
    whole = search(other, TuneSettings(trials=4, folds=1))
    again = search(run, TuneSettings(trials=4, folds=1))
    assert [row.params for row in again.trials] == [row.params for row in whole.trials]


def test_a_space_of_few_values_is_tried_whole_and_once_as_set_first(run: Run) -> None:
    found = search(run)
    assert sorted(row.trial for row in found.trials) == [0, 1, 2]
    assert Dial.fits == [0.3, 0.1, 0.7] and best_of(run)["params"] == {"dial": 0.7}


def test_a_best_that_a_killed_command_did_not_write_down_is_written_by_the_next(run: Run) -> None:
    search(run)
    (run.store.tune("dial", "sentiment") / BEST).unlink()
    search(run)
    assert best_of(run)["params"] == {"dial": 0.7} and len(Dial.fits) == 3


def test_a_space_without_the_value_that_is_set_is_tried_whole_after_it(run: Run) -> None:
    found = search(run, TuneSettings(space={"dial": [0.1, 0.7]}, folds=1))
    assert Dial.fits == [0.3, 0.1, 0.7] and {} in [row.params for row in found.trials]


def test_the_best_is_always_that_of_the_study_that_was_asked_for(run: Run) -> None:
    first, other = ONE, replace(ONE, space={"dial": [0.2, 0.3]})
    search(run, first)
    search(run, other)
    assert best_of(run)["params"] == {"dial": 0.3}
    search(run, first)
    assert best_of(run)["params"] == {"dial": 0.7}


def test_a_result_is_made_of_what_was_found_when_its_jobs_were_listed(run: Run) -> None:
    search(run, replace(ONE, space={"dial": [0.2, 0.3]}))
    work = list_work(tuned(run), tuned(run).specs, [SENTIMENT], ())
    search(run)  # finds something better meanwhile
    Dial.fits.clear()
    assert train(tuned(run), work) == [] and Dial.fits == [0.3] * 3
    assert {item.provenance.parts["params.dial"] for item in work} == {0.3}


def test_hopeless_trials_end_early_and_the_best_never_does(run: Run) -> None:
    space = {"dial": [0.7, 0.0, 0.69, 0.3]}
    found = search(run, TuneSettings(space=space, folds="all"))
    rows = {row.params.get("dial", 0.3): row for row in found.trials}
    assert rows[0.0].state == "pruned" and rows[0.0].folds < 3
    assert {rows[dial].state for dial in (0.7, 0.69, 0.3)} == {"done"}
    assert found.pruned == 1 and found.saved > 0
    patient = search(run, TuneSettings(space=space, folds="all", prune=False))
    assert [row.state for row in patient.trials] == ["done"] * 4
    assert patient.trials[0].params == found.trials[0].params


def test_training_uses_what_was_found_and_says_so(run: Run) -> None:
    search(run)
    after = tuned(run)
    assert train(after, list_work(after, after.specs, [SENTIMENT], ())) == []
    record = after.results.base_record("dial", SENTIMENT)
    assert record["made_of"]["params.dial"] == 0.7
    assert record["tuned"] | {"study": ""} == {
        "study": "",
        "trial": 2,
        "folds": 1,
        "judged": [0],
        "rows": len(run.plan.held_out_rows(0)),
        "pruned": 0,
    }


def test_results_are_stale_once_tuning_has_found_something_better(run: Run) -> None:
    search(run, TuneSettings(space={"dial": [0.1, 0.3]}, folds=1))
    after = tuned(run)
    train(after, list_work(after, after.specs, [SENTIMENT], ()))
    search(run)
    with pytest.raises(StoreError, match=r"is stale: params\.dial was 0\.3, is now 0\.7"):
        after.results.base_record("dial", SENTIMENT)


def test_a_tuned_learner_that_was_not_tuned_names_the_command(run: Run) -> None:
    after = tuned(run)
    with pytest.raises(StoreError, match=r"best\.json yet; run `ensemble tune dial --task sentiment`"):
        list_work(after, after.specs, [SENTIMENT], ())
    found = status(after)
    assert found["jobs"] == {} and "ensemble tune dial" in found["reasons"]["dial / sentiment"]


def test_what_was_found_for_another_learner_is_refused(run: Run) -> None:
    search(run)
    after = tuned(run, scale=2)
    with pytest.raises(StoreError, match=r"for another learner: params\.scale was 1, is now 2; run `ensemble tune"):
        list_work(after, after.specs, [SENTIMENT], ())


def test_the_best_trials_are_stacked_as_learners_of_their_own(run: Run) -> None:
    found = search(run, TuneSettings(space=GRID, folds="all", prune=False), kept=2)
    assert found.kept == ["dial.trial2", "dial.trial1"] == run.results.imported(SENTIMENT)[::-1]  # the first is as set
    record = run.results.base_record("dial.trial2", SENTIMENT)
    assert record["folds"] == "run" and record["tuned"]["trial"] == 2 and record["tuned"]["judged"] == [0, 1, 2]
    folder = run.store.base("dial.trial2", "sentiment")
    assert len(folder.read("oof", SENTIMENT).ids) == 200
    assert len(folder.read("test", SENTIMENT).ids) == 6
    search(run, TuneSettings(space=GRID, folds="all", prune=False), kept=1)
    assert run.results.imported(SENTIMENT) == ["dial.trial2"]
    search(tuned(run), TuneSettings(space=GRID, folds="all", prune=False), kept=1)
    assert run.results.imported(SENTIMENT) == ["dial.trial0"]  # the best is the learner itself


def test_what_others_have_imported_is_never_taken_for_a_kept_trial(run: Run) -> None:
    settings = TuneSettings(space=GRID, folds="all", prune=False)
    search(run, settings, kept=1)
    for name in ("dial.trials-of-bob", "dial.trial1"):
        shutil.copytree(run.store.base("dial.trial2", "sentiment").path, run.store.base(name, "sentiment").path)
        record = run.store.base(name, "sentiment").record
        record.write_text(json.dumps({key: value for key, value in read_json(record).items() if key != "tuned"}))
    search(run, settings, kept=1)
    assert set(run.results.imported(SENTIMENT)) == {"dial.trial1", "dial.trial2", "dial.trials-of-bob"}
    with pytest.raises(ConfigError, match=r"'dial.trial1' was imported; a trial of 'dial' would be kept under this"):
        search(run, settings, kept=2)


def test_folds_of_kept_trials_that_are_gone_are_trained_again(run: Run) -> None:
    settings = TuneSettings(space=GRID, folds="all", prune=False)
    search(run, settings)
    shutil.rmtree(run.store.tune("dial", "sentiment") / "trials")
    assert search(run, settings, kept=1).kept == ["dial.trial2"]


def test_a_failing_trial_is_told_and_tried_again_by_the_next_command(make_run: Callable[..., Run]) -> None:
    run = make_run(toy_table(60), {"dial": ("dial", {"broken": 0.5})}, registry=TOYS)
    found = search(run)
    assert {row.params.get("dial"): row.state for row in found.trials} == {
        None: "done",
        0.1: "done",
        0.7: "failed",
    }
    assert found.trials[-1].reason == "dial 0.70 is too much"
    again = search(run)
    assert [row.trial for row in again.trials if row.state == "failed"] == [3]
    assert len(again.trials) == 3


def test_a_learner_that_fails_as_it_is_set_ends_the_tuning(make_run: Callable[..., Run]) -> None:
    run = make_run(toy_table(60), {"dial": ("dial", {"broken": 0.2})}, registry=TOYS)
    with pytest.raises(LearnerError, match=r"^dial, as it is configured: dial 0\.30 is too much$"):
        search(run, TuneSettings(trials=5))


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("neutral", r"^roc_auc of sentiment compares classes, and the \d+ rows .* only one class, 'neutral'; take"),
        (None, r"^no row it was evaluated on has a label of sentiment$"),
    ],
)
def test_trials_that_have_no_score_say_why_and_nothing_is_found(
    make_run: Callable[..., Run], label: str | None, reason: str
) -> None:
    task = replace(SENTIMENT, metric="roc_auc")
    drawn = make_run(toy_table(60), {"dial": ("dial", {})}, registry=TOYS)
    labels = [
        own if fold == 0 else label for own, fold in zip(drawn.data.frame["sentiment"], drawn.plan.fold, strict=True)
    ]
    run = replace(drawn, data=replace(drawn.data.with_columns(sentiment=labels), tasks=(task,)))
    found = tune(run, "dial", task, TuneSettings(space=GRID))
    assert [row.state for row in found.trials] == ["failed"] * 3 and found.best is None
    assert all(re.search(reason, str(row.reason)) for row in found.trials)
    assert [failure["bug"] for failure in found.failures()] == [False] * 3
    assert not (run.store.tune("dial", "sentiment") / BEST).exists()


def test_a_study_that_has_found_something_has_no_failures(make_run: Callable[..., Run]) -> None:
    found = search(make_run(toy_table(60), {"dial": ("dial", {"broken": 0.5})}, registry=TOYS))
    assert [row.state for row in found.trials].count("failed") == 1 and found.failures() == []


REFUSED = {
    "no space": ("hash", TuneSettings(), 0, ConfigError, r"the learner 'hash' has no search space of its own; give it"),
    "unknown": ("dial", TuneSettings(space={"dail": [1]}), 0, ConfigError, r"tune\.x\.space key 'dail'\. Did you mean"),
    "folds": ("dial", TuneSettings(folds=4), 0, ConfigError, r"folds = 4, and the run has 3"),
    "kept": ("dial", TuneSettings(), 2, ConfigError, r"^--keep-trials .* with tune\.x\.folds = 'all' they do"),
    "storage": ("dial", TuneSettings(storage="nobase://me:secret@there/x"), 0, StoreError, r"storage cannot be opened"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_tuned_is_refused_in_one_line(make_run: Callable[..., Run], case: str) -> None:
    learner, settings, kept, error, line = REFUSED[case]
    run = make_run(toy_table(30), {"x": (learner, {})}, registry=TOYS)
    with pytest.raises(error, match=line) as caught:
        tune(run, "x", SENTIMENT, settings, kept=kept)
    assert "\n" not in str(caught.value) and "secret" not in str(caught.value)


def test_a_database_holds_a_study_as_the_journal_does(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIES", f"sqlite:///{tmp_path}/studies.db")
    settings = TuneSettings(space=GRID, folds=1, storage="$STUDIES")
    assert [row.params for row in search(run, settings).trials] == [{"dial": 0.7}, {}, {"dial": 0.1}]
    assert (tmp_path / "studies.db").exists() and not list(tmp_path.rglob("journal.log"))
    assert len(search(run, settings).trials) == 3 and len(Dial.fits) == 3


def test_a_study_of_an_earlier_version_is_continued(make_run: Callable[..., Run]) -> None:
    run = make_run(toy_table(60), {"dial": ("dial", {"broken": 0.5})}, registry=TOYS)
    search(run)
    before = search(run)  # the trial that failed is tried again, and would be once more
    journal = run.store.tune("dial", "sentiment") / "journal.log"
    old = {"fixed_params": "given", "params": "found", "retry_of": "again"}
    written, renamed = journal.read_text().splitlines(), set()
    for number, line in enumerate(written):
        log = json.loads(line)
        for part in ("user_attr", "user_attrs"):
            renamed |= old.keys() & log.get(part, {}).keys()
            log |= {part: {old.get(name, name): value for name, value in log[part].items()}} if part in log else {}
        written[number] = json.dumps(log, separators=(",", ":"))
    journal.write_text("".join(f"{line}\n" for line in written))
    assert renamed == old.keys()
    fits = list(Dial.fits)
    again = search(run)
    assert [row.params for row in again.trials] == [row.params for row in before.trials]
    assert again.trials[:2] == before.trials[:2] and Dial.fits == fits
    assert again.trials[2].trial == before.trials[2].trial + 1, "the one that failed is tried once more"


def test_equal_parameters_of_two_studies_are_trained_once(run: Run) -> None:
    search(run)
    search(run, TuneSettings(space={"dial": [0.7, 0.2]}, folds=1))
    assert Dial.fits == [0.3, 0.1, 0.7, 0.2]
    records = list(run.store.tune("dial", "sentiment").rglob(DONE))
    assert len(records) == 4
