"""What `clean` may take, and what it never does."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.toys import TOYS, Hash
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.bound_learners import LearnerSpec
from ensemble.errors import ConfigError
from ensemble.features import FeatureCache
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.importing import import_predictions
from ensemble.jobs.job import list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.store import Job, Store
from ensemble.system.claims import claim
from ensemble.system.files import write_json
from ensemble.system.locks import hold
from ensemble.upkeep.removal import KINDS, clean

MakeRun = Callable[..., Run]
KEY = "pixels-" + "0" * 32
TEMPORARY = ".a.12345678-1-1.tmp"


class Weighty(Hash):
    """Has weights."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "weights").write_bytes(bytes(1_000))


LEARNERS: dict[str, tuple[str, dict[str, object]]] = {
    "a": ("hash", {}),
    "w": ("weighty", {}),
    "bad": ("failing", {"task": "sarcasm"}),
}
REGISTRY = {**TOYS, "weighty": f"{__name__}:Weighty"}
FIRST = Job("w", "sentiment", 0, 0)


def run_in(folder: Path) -> Run:
    data = toy_table(30, test_rows=6, tasks=(SENTIMENT, SARCASM))
    plan = make_plan(data, np.arange(len(data)), FoldSettings(k=3))
    specs = tuple(LearnerSpec(name, learner, params) for name, (learner, params) in LEARNERS.items())
    store, cache = Store(folder / "run"), FeatureCache(folder / "cache")
    return Run(store, plan.with_groups(data), plan, REGISTRY, specs, cache=cache)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    run = run_in(folder)
    run.plan.write(run.store.plan)
    assert train_all(run) == 3
    run.cache.fill(KEY, [f"key{n}" for n in range(30)], lambda rows: np.ones((len(rows), 2)), 16, "blocks")
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Run:
    """Trained; the jobs of one learner failed on one task. 30 contents are cached."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return run_in(tmp_path)


def train_all(run: Run) -> int:
    """How many jobs have failed."""
    return len(train(run, list_work(run, run.specs, run.data.tasks, ())))


def bytes_below(*roots: Path) -> int:
    return sum(path.lstat().st_size for root in roots for path in root.rglob("*") if not path.is_dir())


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def unfinished(run: Run, job: Job, fresh: bool = True) -> Path:
    """What a killed training has left."""
    item = next(item for item in list_work(run, run.specs, run.data.tasks, ()) if item.job == job)
    folder = run.store.job(job).training
    write_json(folder / "made_of.json", {**item.provenance.parts, "processes": 1, **({} if fresh else {"seed": 9})})
    (folder / "checkpoint-3").mkdir()
    (folder / "checkpoint-3" / "model").write_bytes(bytes(500))
    return folder


def undo(run: Run, job: Job) -> None:
    """As if a job had never been done."""
    for path in run.store.job(job).path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_by_default_nothing_is_deleted_and_what_would_be_is_said(run: Run) -> None:
    before = contents(run.store.root.parent)
    found = clean(run)
    assert found.deleted is False and {item.kind for item in found.items} == {"failed"}
    assert contents(run.store.root.parent) == before
    assert set(found.kinds) == set(KINDS)


def test_without_kinds_nothing_goes_that_takes_hours_to_make(run: Run) -> None:
    found = clean(run, delete=True)
    assert found.bytes == sum(item.bytes for item in found.items) > 0
    assert len(list(run.store.root.rglob("weights"))) == 6 and list(run.cache.root.rglob("*.npy"))  # type: ignore
    assert status(run)["jobs"] == {"done": 15, "missing": 3}
    assert train_all(run) == 3


def test_bytes_are_those_that_the_disk_gets_back(run: Run) -> None:
    unfinished(run, FIRST)
    assert run.cache.root is not None
    roots = (run.store.root, run.cache.root)
    for kind in ("failed", "checkpoints", "cache"):
        before = bytes_below(*roots)
        found = clean(run, [kind], delete=True)
        assert found.bytes == before - bytes_below(*roots) == found.kinds[kind].going_bytes > 0
        assert clean(run, [kind]).kinds[kind].bytes == 0


def test_checkpoints_that_would_be_gone_on_from_go_only_when_they_are_named(run: Run) -> None:
    over, other = unfinished(run, FIRST), unfinished(run, Job("w", "sentiment", 0, 1), fresh=False)
    undo(run, Job("w", "sentiment", 0, 2))
    alive = unfinished(run, Job("w", "sentiment", 0, 2))
    found = clean(run, delete=True)
    assert [path.exists() for path in (over, other, alive)] == [False, False, True]
    assert found.kinds["checkpoints"].places == 3
    clean(run, ["checkpoints"], delete=True)
    assert not alive.exists()


def test_what_is_left_for_other_parameters_is_not_gone_on_from(run: Run) -> None:
    undo(run, FIRST)
    folder = unfinished(run, FIRST, fresh=False)
    clean(run, delete=True)
    assert not folder.exists()


def test_stale_results_go_and_only_they_are_done_again(run: Run) -> None:
    changed = replace(run, specs=(LearnerSpec("a", "hash", {"salt": 1}), *run.specs[1:]))
    found = clean(changed, ["stale"], delete=True)
    assert {item.why for item in found.items} == {"stale: params.salt was 0, is now 1"}
    assert len(found.items) == 2 * 3 + 2, "jobs, and their joined folds"
    assert status(changed)["jobs"] == {"missing": 6, "done": 9, "failed": 3}
    kept = {path: path.stat().st_mtime_ns for path in (run.store.root / "base" / "w").rglob("*.parquet")}
    train_all(changed)
    assert status(changed)["jobs"] == {"done": 15, "failed": 3}
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_without_its_models_a_job_is_still_done(run: Run) -> None:
    found = clean(run, ["models"], "base/w/sentiment", delete=True)
    assert found.bytes > 3 * 1_000 and len(found.items) == 3
    assert not list(run.store.base("w", "sentiment").path.rglob("model"))
    assert len(list(run.store.base("w", "sarcasm").path.rglob("model"))) == 3
    assert status(run)["jobs"] == {"done": 15, "failed": 3}
    assert run.results.base_record("w", SENTIMENT)["oof"]["rows"] == 30
    written = run.store.job(FIRST).record
    before = written.stat().st_mtime_ns
    train_all(run)
    assert written.stat().st_mtime_ns == before


def test_the_cache_goes_by_encoder_and_is_filled_again(run: Run) -> None:
    assert run.cache.root is not None
    theirs = run.cache.root / "my pictures"
    theirs.mkdir()
    (theirs / "0.npy").write_bytes(b"mine")
    assert clean(run, ["cache"], "pixels-1").bytes == 0
    assert clean(run, ["cache"], "pixels-", delete=True).bytes > 0
    assert not list((run.cache.root / KEY).glob("*.npy")) and (theirs / "0.npy").exists()
    again = FeatureCache(run.cache.root)
    assert again.get(KEY, ["key1"], lambda rows: np.full((1, 2), 7.0), 16, "blocks").tolist() == [[7.0, 7.0]]


def test_what_a_process_is_at_is_left(run: Run) -> None:
    undo(run, FIRST)
    folder, assured = unfinished(run, FIRST, fresh=False), run.cache.root
    assert assured is not None
    with run.store.claim(FIRST, wait=False):
        found = clean(run, ["checkpoints", "cache", "stale", "temporary"], delete=True)
    assert folder.exists() and list(assured.rglob("*.npy"))
    assert {(entry.kind, entry.why) for entry in found.left} == {
        ("checkpoints", "in use"),
        ("cache", "in use"),
    }
    assert found.bytes == 0
    with hold(assured / KEY):
        assert clean(run, ["cache"], delete=True).left[0].why == "in use"
    clean(run, ["checkpoints", "cache"], delete=True)
    assert not folder.exists() and not list(assured.rglob("*.npy"))


def test_what_killed_processes_left_goes_once_it_is_old(run: Run) -> None:
    job = run.store.job(Job("w", "sentiment", 0, 1)).path
    new, old = job / ".oof.parquet.12345678-1-1.tmp", job / ".test.parquet.12345678-2-1.tmp"
    theirs = [job / ".bash_history-123.tmp", run.store.root / "progress.json"]
    for path in (new, old, *theirs):
        path.write_bytes(bytes(10))
        os.utime(path, None if path == new else (1, 1))
    undo(run, FIRST)
    (run.store.job(FIRST).path / "held_out.parquet").write_bytes(bytes(20))
    found = clean(run, ["temporary"], delete=True)
    assert found.bytes == 30 and new.exists() and not old.exists() and all(path.exists() for path in theirs)
    assert status(run)["learners"]["w"]["sentiment"] == {"done": 2, "missing": 1}


def test_trials_ablations_and_teachers_go_when_they_are_named(run: Run) -> None:
    trials = run.store.root / "tune" / "w" / "sentiment" / "trials"
    variant = run.store.root / "ablation" / "without-text"
    for folder in (trials / "3", variant / "base" / "w" / "sentiment" / "seed-0" / "fold-0"):
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(bytes(100))
    (trials.parent / "best.toml").write_text("")
    clean(run, delete=True)
    assert (trials / "3" / "x").exists()
    inside = replace(run, store=run.store.without("text"))
    with inside.store.claim(FIRST, wait=False):
        found = clean(run, ["trials", "ablation"], delete=True)
    assert [entry.folder for entry in found.left] == [str(variant)] and found.bytes == 100
    assert not (trials / "3").exists() and (trials.parent / "best.toml").exists() and (variant / "base").exists()
    clean(run, ["ablation"], delete=True)
    assert not (variant / "base").exists()
    (teacher := run.store.teacher(0).root / "base").mkdir(parents=True)
    (teacher / "x").write_bytes(bytes(7))
    assert clean(run, ["teachers"], delete=True).bytes == 7 and not teacher.exists()


@pytest.mark.parametrize(
    "where",
    [
        "run/tune/w/sentiment/claims/1234abcd/7",
        "run/tune/w/sentiment/trials/0a/base/w/sentiment/seed-0/fold-0",
        "run/ablation/without-text/base/w/sentiment/seed-0/fold-0",
        "beside/base/w/sentiment/seed-0/fold-0",
    ],
)
def test_the_cache_stays_while_anything_is_under_way_that_may_use_it(run: Run, tmp_path: Path, where: str) -> None:
    run.plan.write(tmp_path / "beside" / "folds.parquet")
    with claim(tmp_path / where):
        assert [entry.why for entry in clean(run, ["cache"], delete=True).left] == ["in use"]
    assert clean(run, ["cache"], delete=True).bytes > 0


def test_trials_stay_while_one_is_under_way_also_between_two_folds(run: Run) -> None:
    tuned = run.store.tune("w", "sentiment")
    done = tuned / "trials" / "0a" / "base" / "w" / "sentiment" / "seed-0" / "fold-0" / "done.json"
    write_json(done, {})
    with claim(tuned / "claims" / "1234abcd" / "7"):
        assert clean(run, ["trials"], delete=True).left[0].why == "in use"
    with hold(tuned):  # one is about to begin
        assert clean(run, ["trials"], delete=True).left[0].why == "in use"
    assert done.exists()
    clean(run, ["trials"], delete=True)
    assert not done.exists()


def test_what_is_to_be_tuned_first_hinders_no_cleaning_and_its_results_stay(run: Run) -> None:
    before = {name: raw for name, raw in contents(run.store.root).items() if "/w/" in name}
    tuned = replace(run, specs=tuple(replace(spec, tuned=spec.name == "w") for spec in run.specs))
    found = clean(tuned, list(KINDS), delete=True)
    assert found.kinds["dropped"].places == 0 and found.kinds["failed"].going_bytes > 0
    assert {name: raw for name, raw in contents(run.store.root).items() if "/w/" in name} == before


@pytest.mark.parametrize("what", ["image", "text", "tokens", "pixels", "states", "clip-images", "translations"])
def test_whatever_was_encoded_goes_with_the_cache(run: Run, what: str) -> None:
    run.cache.fill(f"{what}-{'1' * 32}", ["key"], lambda rows: np.ones((len(rows), 2)), 16, "blocks")
    assert clean(run, ["cache"], what, delete=True).bytes > 0
    assert not list((run.cache.root / f"{what}-{'1' * 32}").glob("*.npy"))  # type: ignore[operator]


def test_lists_of_near_copies_go_with_the_cache_and_tables_beside_them_stay(run: Run) -> None:
    assert run.cache.root is not None
    kept, theirs = run.cache.root / "near-copies" / f"{'1' * 32}.parquet", run.cache.root / "mine.parquet"
    for path in (kept, theirs):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(10))
    clean(run, delete=True)
    assert kept.exists()  # what has to be made again goes only where it is named
    found = clean(run, ["cache"], "near-copies", delete=True)
    assert [(Path(item.folder).name, item.bytes) for item in found.items] == [("near-copies", 10)]
    assert not kept.exists() and theirs.exists()


def test_a_match_is_looked_for_in_the_run_folder_and_the_cache_only(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "home-sarcasm-pixels")
    run = run_in(tmp_path / "home-sarcasm-pixels")
    found = clean(run, ["models", "cache"], "sarcasm")
    assert len(found.items) == 6 and {Path(item.folder).parents[1].name for item in found.items} == {"sarcasm"}
    assert [Path(item.folder).name for item in clean(run, ["models", "cache"], "pixels").items] == [KEY]


def test_what_lies_in_run_folder_and_cache_at_once_is_counted_once(run: Run) -> None:
    inside = replace(run, cache=FeatureCache(run.store.root / "cache"))
    left = run.store.root / "cache" / TEMPORARY
    left.parent.mkdir()
    left.write_bytes(bytes(10))
    os.utime(left, (1, 1))
    assert clean(inside).kinds["temporary"].bytes == 10


def test_imported_probabilities_the_folds_and_the_record_always_stay(run: Run, tmp_path: Path) -> None:
    oof = run.store.base("a", "sentiment").path / "oof.parquet"
    test = oof.with_name("test.parquet")
    import_predictions(run, "bought", SENTIMENT, oof, test, unknown_folds=False)
    write_json(run.store.record, {"config": {}})
    fewer = replace(run, specs=())
    kept = [run.store.plan, run.store.record, *run.store.base("bought", "sentiment").path.iterdir()]
    kept = [path for path in kept if path.exists()]
    before = {path: path.read_bytes() for path in kept}
    found = clean(fewer, list(KINDS), delete=True)
    assert len({Path(item.folder) for item in found.items if item.kind == "dropped"}) == 18 + 5
    assert {path: path.read_bytes() for path in kept} == before
    assert fewer.results.imported(SENTIMENT) == ["bought"]
    left = contents(run.store.root)
    assert {name.split("/")[1] for name in left if name.startswith("base")} == {"bought"}


def test_results_of_learners_that_are_not_configured_stay_unless_they_are_named(run: Run) -> None:
    fewer = replace(run, specs=run.specs[:1])
    before = contents(run.store.root)
    found = clean(fewer, delete=True)
    assert found.bytes == 0 and found.kinds["dropped"].places > 0
    assert contents(run.store.root) == before


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Somebody else's folder, laid out as a tempting target."""
    folder = tmp_path / "elsewhere"
    for name in ("fold-0", "seed-0/fold-0", "training", "model", KEY, "trials", "without-text"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("done.json", "oof.parquet", "fold-0/failed.json", "training/x", "model/x", f"{KEY}/0.npy", TEMPORARY):
        (folder / name).write_bytes(b"precious")
        os.utime(folder / name, (1, 1))
    return folder


LINKS: Sequence[tuple[str, str]] = [
    ("run/base/w/sentiment/seed-0/fold-0/model", "model"),
    ("run/base/w/sentiment/seed-0/fold-0/training", "training"),
    ("run/base/w/sentiment/seed-0/fold-0/held_out.parquet", "oof.parquet"),
    ("run/base/w/sentiment/seed-0/fold-0", "fold-0"),
    ("run/base/w/sentiment/seed-0", "seed-0"),
    ("run/base/w/sentiment", "."),
    ("run/base/w", "."),
    ("run/base/old/sentiment/seed-0/fold-0", "fold-0"),
    ("run/base", "."),
    ("run/tune/w/sentiment/trials", "trials"),
    ("run/ablation/without-text", "without-text"),
    ("run/anything", "."),
    (f"cache/{KEY}", KEY),
    (f"cache/image-{'1' * 32}", KEY),
    ("cache/onnx", KEY),
]


@pytest.mark.parametrize(("link", "target"), LINKS)
@pytest.mark.parametrize("changed", [False, True])
def test_a_link_to_elsewhere_is_never_followed(
    run: Run, tmp_path: Path, elsewhere: Path, link: str, target: str, changed: bool
) -> None:
    path = tmp_path / link
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(elsewhere / target)
    before = contents(elsewhere)
    if changed:
        run = replace(run, specs=tuple(LearnerSpec(spec.name, "hash", {"salt": 4}) for spec in run.specs[:2]))
    clean(run, list(KINDS), delete=True)
    assert contents(elsewhere) == before and path.is_symlink()


def test_a_link_inside_what_goes_is_cut_and_not_followed(run: Run, elsewhere: Path) -> None:
    folder = unfinished(run, FIRST)
    (folder / "checkpoint-3" / "more").symlink_to(elsewhere)
    before = contents(elsewhere)
    found = clean(run, ["checkpoints"], delete=True)
    assert not folder.exists() and contents(elsewhere) == before
    assert found.bytes < 3_000


def test_a_run_folder_that_is_itself_a_link_is_cleaned(run: Run, tmp_path: Path) -> None:
    run.store.root.rename(tmp_path / "big disk")
    run.store.root.symlink_to(tmp_path / "big disk")
    assert clean(run, delete=True).bytes > 0


def test_a_kind_there_is_not_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"Unknown kind 'modles'\. Did you mean 'models'\?"):
        clean(run, ["modles"])


def test_a_run_that_never_began_has_nothing_to_clean(make_run: MakeRun) -> None:
    run = make_run(toy_table(9), {"a": ("hash", {})}, registry=TOYS, folder="new")
    assert clean(run, list(KINDS), delete=True).bytes == 0
    assert not run.store.root.exists()


def test_predictions_of_new_posts_and_submissions_stay(run: Run) -> None:
    for name in ("predictions.csv", "submission/answer.txt", "report.html", "stack/sentiment/report.json"):
        (run.store.root / name).parent.mkdir(exist_ok=True, parents=True)
        (run.store.root / name).write_text("kept")
    clean(run, list(KINDS), delete=True)
    assert sum(raw == b"kept" for raw in contents(run.store.root).values()) == 4
    assert pd.read_parquet(run.store.base("a", "sentiment").path / "oof.parquet").shape[0] == 30
