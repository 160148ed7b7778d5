"""The run folder: each thing has its place, whatever its name; a job belongs to one process at a time."""

from pathlib import Path

import pytest

from ensemble.store import Job, Store

JOB = Job("vit", "sentiment", 0, 2)


def test_a_job_has_its_place_and_its_name(tmp_path: Path) -> None:
    assert Store(tmp_path).job(JOB).path == tmp_path / "base" / "vit" / "sentiment" / "seed-0" / "fold-2"
    assert str(JOB) == "vit / sentiment / seed 0 / fold 2"


@pytest.mark.parametrize("name", ["a/b", "a b", "é", "50%"])
def test_names_never_lead_to_another_folder(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    assert store.base(name, name).path.parent.parent == tmp_path / "base"
    assert (store.base(name, "t").learner, store.base("a", name).task) == (name, name)
    assert store.stack(name).path.parent == tmp_path / "stack"
    assert store.base(name, "t") != store.base("a", "t")


def test_the_folders_of_learners_jobs_and_runs_beside_are_found(tmp_path: Path) -> None:
    store, beside = Store(tmp_path / "run"), Store(tmp_path / "other")
    for one in (store, beside):
        one.job(JOB).path.mkdir(parents=True)
    (tmp_path / "no run").mkdir()
    store.job(JOB).record.touch()
    store.job(Job("vit", "sentiment", 0, 1)).path.mkdir()
    assert store.learner_folders() == store.learners("sentiment") == [store.base("vit", "sentiment")]
    assert store.learners("sarcasm") == [store.base("vit", "sarcasm")]
    assert len(store.base("vit", "sentiment").jobs()) == 2
    assert store.base("vit", "sentiment").finished_jobs() == [store.job(JOB)]
    assert [other.root for other in store.others_beside()] == [beside.root]


def test_what_tuning_found_stays_with_the_run_it_is_a_variant_of(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.without("text").best_trial("a", "t") == store.best_trial("a", "t")
    assert store.without("text").base("a", "t") != store.base("a", "t")


def test_a_claimed_job_is_not_given_twice(tmp_path: Path) -> None:
    store, other = Store(tmp_path), Job("vit", "sentiment", 0, 3)
    with (
        store.claim(JOB, wait=False) as mine,
        store.claim(JOB, wait=False) as theirs,
        store.claim(other, wait=False) as free,
    ):
        assert mine and free and theirs is None
    with store.claim(JOB, wait=False) as again:
        assert again


def test_a_claim_ends_when_the_work_fails(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(RuntimeError), store.claim(JOB, wait=False):
        raise RuntimeError
    with store.claim(JOB, wait=False) as again:
        assert again
