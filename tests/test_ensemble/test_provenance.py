"""What a result was made of: equal means fresh, a difference is one line, records of the version before are read."""

import json

import pytest
from support.toys import TOYS
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.jobs.ablation import Without
from ensemble.jobs.job import list_work
from ensemble.provenance import Provenance

IDENTITY = {"data": "d1", "folds": "f1"}
LEARNER = Provenance.of_learner(IDENTITY, "module:Class", SENTIMENT, {"views": 10, "training.lr": 0.1})
# As the version of September wrote them, word for word.
OLD_JOB = """{
 "format": 2, "learner": "module:Class", "task": "sentiment", "classes": ["negative", "neutral", "positive"],
 "data": "d1", "folds": "f1", "params.views": 10, "params.training.lr": 0.1,
 "sources": "4f53cda18c2baa0c0354bb5f9a3ecbe5", "seed": 3, "fold": 1
}"""
OLD_BASE = OLD_JOB.replace('"seed": 3, "fold": 1', '"seeds": [3, 4]')
OLD_IMPORT = '{"data": "d1", "folds": "f1", "learner": "imported", "task": "sentiment", "files": ["aa", "bb"]}'
OLD_STACK = """{
 "format": 2, "data": "d1", "folds": "f1", "task": "sentiment", "classes": ["negative", "neutral", "positive"],
 "metric": "macro_f1", "ordinal": false, "estimators": ["soft_vote"], "calibrate": false, "related": true, "seed": 0,
 "learner.a": ["EMPTY", "run"], "learner.sarcasm/b": ["EMPTY", "run"]
}""".replace("EMPTY", "44136fa355b3678a1146ad16f7e8649e")  # the fingerprint of no file


def old(record: str) -> Provenance:
    return Provenance.of_record({"made_of": json.loads(record)})


def stack() -> Provenance:
    records = {name: {"files": {}, "folds": "run"} for name in ("a", "sarcasm/b")}
    choices = {"estimators": ("soft_vote",), "calibrate": False, "related": True, "seed": 0}
    return Provenance.of_stack(IDENTITY, SENTIMENT, choices, Provenance.of_inputs(records))


def test_equal_parts_are_fresh_and_the_first_difference_is_named() -> None:
    assert LEARNER.with_parts() == LEARNER and LEARNER.difference(LEARNER) is None
    other = LEARNER.with_parts(**{"params.views": 5, "sources": "x"})
    assert other != LEARNER
    assert LEARNER.difference(other) == "params.views was 10, is now 5"
    gone = LEARNER.with_sources(["a"]).difference(LEARNER.with_sources([]), ["data", "sources"])
    assert gone == "the local files it depends on, such as an encoder's folder, were changed, moved or deleted"


def test_a_new_parameter_that_is_none_by_default_makes_nothing_stale() -> None:
    assert LEARNER.with_parts(**{"params.new": None}) == LEARNER


@pytest.mark.parametrize(
    ("record", "now"),
    [
        (OLD_JOB, LEARNER.with_sources([]).of_job(3, 1)),
        (OLD_BASE, LEARNER.with_sources([]).of_job(3, 1).of_all_folds((3, 4))),
        (OLD_IMPORT, Provenance.of_import(IDENTITY, SENTIMENT, ["aa", "bb"])),
        (OLD_STACK, stack()),
    ],
    ids=["job", "joined folds", "imported", "stack"],
)
def test_records_of_the_version_before_stay_fresh(record: str, now: Provenance) -> None:
    assert old(record).difference(now) is None
    assert list(now.parts) == list(json.loads(record)), "and look as they did"


def test_a_recipe_is_what_a_learner_is_whatever_it_is_asked() -> None:
    other = Provenance.of_learner(
        {"data": "d2", "folds": "f2"}, "module:Class", SARCASM, {"views": 10, "training.lr": 0.1}
    )
    assert LEARNER.of_job(0, 1).recipe == other.of_job(5, 2).recipe
    assert LEARNER.recipe != LEARNER.with_sources(["x"]).recipe


def test_a_stack_tells_its_learners_of_other_tasks() -> None:
    assert stack().inputs_of("sarcasm") == ["b"]
    assert stack().inputs_of("humour") == []


def test_jobs_ablations_and_imports_say_what_they_are_of(make_run) -> None:  # type: ignore[no-untyped-def]
    run = make_run(toy_table(30), {"a": ("hash", {"salt": 1})}, registry=TOYS)
    job_spec = list_work(run, run.specs, [SENTIMENT], [2])[0]
    assert job_spec.provenance == run.learners.provenance(run.specs[0], SENTIMENT).of_job(0, 2)
    assert run.results.provenance(run.specs[0], SENTIMENT) == job_spec.provenance.of_all_folds((0,))
    assert job_spec.provenance.identity == run.identity and not job_spec.provenance.is_imported
    hidden = Without("text")(run)
    assert hidden.learners.provenance(LearnerSpec("a", "hash", {"salt": 1}), SENTIMENT).identity == run.identity
