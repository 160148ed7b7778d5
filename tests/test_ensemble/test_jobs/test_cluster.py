"""Jobs as tasks of Ray: the bytes of one process, on whichever machine; who does not ask for it never loads it."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from support import ROOT, TESTS
from support.opened import Open, files, train_all

from ensemble.errors import ConfigError, EnsembleError, StoreError
from ensemble.jobs import cluster
from ensemble.jobs.cluster import Cluster, own_code, run_job_there, threads_of
from ensemble.store import Job

INSTALLED = find_spec("ray") is not None  # importing it here would be too early for the engine's settings of it
needs_ray = pytest.mark.skipif(not INSTALLED, reason="no ray")


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ray on this machine with two CPUs, and two GPUs as it believes, for as many runs as there are here."""
    if not INSTALLED:
        pytest.skip("no ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_OVERRIDE_RESOURCES", '{"GPU": 2}')
        with Cluster(Open(tmp_path_factory.mktemp("none")), 1, jobs=2).connected():
            yield


def test_ray_leaves_the_bytes_that_one_process_leaves(tmp_path: Path, started: None) -> None:
    alone, shared = Open(tmp_path / "alone"), Open(tmp_path / "shared")
    assert train_all(alone) == []
    assert train_all(shared, Cluster(shared, 1, gpus=0)) == []
    assert files(shared.root, "*.parquet") == files(alone.root, "*.parquet") != {}
    assert files(shared.root).keys() == files(alone.root).keys()  # no claims, reports or temporary files are left


def test_each_job_has_its_number_of_threads(tmp_path: Path, started: None) -> None:
    opener = Open(tmp_path, (("environment", ()),))
    assert train_all(opener, Cluster(opener, 2, gpus=0), folds=[0]) == []
    assert {f"{name}={value}" for name, value in threads_of(2).items()} <= environments(tmp_path)


def test_each_job_has_its_gpus_whichever_its_process_had_before(tmp_path: Path, started: None) -> None:
    for gpus, visible in ((1, {"0", "1"}), (2, {"0,1"})):
        opener = Open(tmp_path / str(gpus), (("environment", ()),))
        assert train_all(opener, Cluster(opener, 1, gpus=gpus)) == []
        said = {line for line in environments(opener.root) if line.startswith("CUDA_VISIBLE_DEVICES=")}
        assert said <= {f"CUDA_VISIBLE_DEVICES={name}" for name in visible} != set()


def environments(root: Path) -> set[str]:
    return {line for text in files(root, "environment.txt").values() for line in text.decode().splitlines()}


def test_a_failing_job_stops_no_other(tmp_path: Path, started: None) -> None:
    opener = Open(tmp_path, (("failing", (("task", "sentiment"),)), ("hash", ())))
    failed = train_all(opener, Cluster(opener, 1, gpus=0))
    assert {(outcome.job.learner, outcome.reason) for outcome in failed} == {("failing", "no luck with sentiment")}
    assert len(failed) == 3 and (opener().store.base("hash", "sentiment").path / "oof.parquet").exists()


def test_a_job_whose_process_always_dies_fails_and_the_others_are_done(
    tmp_path: Path, started: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 2)
    opener = Open(tmp_path, (("mortal", (("lives", 99),)), ("hash", ())))
    failed = train_all(opener, Cluster(opener, 1, gpus=0), folds=[0])
    assert [(outcome.job.learner, outcome.reason) for outcome in failed] == [("mortal", str(cluster.ENDED))]
    assert opener().store.job(Job("hash", "sentiment", 0, 0)).path.joinpath("done.json").exists()
    assert capfd.readouterr() == ("", "")  # Ray keeps its thoughts to itself
    assert not files(tmp_path, "claim.json")


def test_a_full_disk_stops_all(tmp_path: Path, started: None) -> None:
    opener = Open(tmp_path, (("full", ()), ("slow", (("seconds", 60),))))
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"The disk is full: .*weights was not written"):
        train_all(opener, Cluster(opener, 1, gpus=0))
    assert time.monotonic() - began < 50 and not files(tmp_path, "claim.json")


def test_a_bug_arrives_with_what_it_was(tmp_path: Path, started: None) -> None:
    opener = Open(tmp_path, (("mistaken", ()),))
    [outcome] = train_all(opener, Cluster(opener, 1, gpus=0), folds=[0])
    assert outcome.bug and str(outcome.reason).startswith("ZeroDivisionError: division by zero (a bug; its traceback")
    assert b"toys.py" in files(tmp_path, "failed.json").popitem()[1]


def test_there_are_never_more_jobs_at_a_time_than_asked_for(tmp_path: Path, started: None) -> None:
    opener = Open(tmp_path, (("slow", (("seconds", 0.3),)),))
    assert train_all(opener, Cluster(opener, 1, gpus=0, jobs=1)) == []
    ends = sorted(
        (path.stat().st_mtime, json.loads(path.read_text())["seconds"]) for path in tmp_path.rglob("done.json")
    )
    assert len(ends) == 3 and all(after - took > before - 0.1 for (before, _), (after, took) in pairwise(ends))


def test_gpus_that_nobody_spoke_of_are_not_passed_over_in_silence(tmp_path: Path, started: None) -> None:
    with pytest.raises(ConfigError, match=r"have 2 and 2 CPUs and GPUs; say how many jobs share a GPU: --jobs-per-gpu"):
        train_all(Open(tmp_path), Cluster(Open(tmp_path), 1))


def test_a_job_that_fits_nowhere_is_refused(tmp_path: Path, started: None) -> None:
    with pytest.raises(ConfigError, match=r"No machine can hold a job with 99 CPUs and 0 GPUs; they have 2 and 2"):
        train_all(Open(tmp_path), Cluster(Open(tmp_path), 99, gpus=0))


@needs_ray
def test_a_killed_machine_is_replaced_by_another(tmp_path: Path) -> None:
    import ray
    from ray.cluster_utils import Cluster as Machines

    alone, go = Open(tmp_path / "alone"), tmp_path / "go"
    shared = Open(tmp_path / "shared", (("waiting", (("file", str(go)),)),))
    assert train_all(alone) == []
    ray.shutdown()  # what other tests have started
    machines = Machines(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        doomed = machines.add_node(num_cpus=1)
        machines.wait_for_nodes()
        ends: list[str] = []

        def end_one() -> None:
            until = time.monotonic() + 120
            while len(files(shared.root, "claim.json")) < 2 and time.monotonic() < until:
                time.sleep(0.05)
            ends.extend(files(shared.root, "claim.json"))
            machines.remove_node(doomed, allow_graceful=False)
            go.touch()

        end = threading.Thread(target=end_one)
        end.start()
        assert train_all(shared, Cluster(shared, 1, gpus=0, address=machines.address, jobs=None)) == []
        end.join()
        assert len(ends) == 2, "both machines were at work"
    finally:
        machines.shutdown()
    ours, theirs = files(shared.root / "base/waiting", "*.parquet"), files(alone.root / "base/hash", "*.parquet")
    assert ours == theirs != {}
    assert not [name for name in files(shared.root) if name.endswith((".tmp", "claim.json", "progress.json"))]


@needs_ray
@pytest.mark.slow
def test_ray_that_dies_says_so_in_one_line(tmp_path: Path) -> None:
    import ray

    ray.shutdown()  # what other tests have started
    opener = Open(tmp_path, (("slow", (("seconds", 2.0),)),))
    engine = Cluster(opener, 1, gpus=0)
    with engine.connected():
        heart = ray._private.worker._global_node.all_processes["raylet"][0].process

        def end_it() -> None:
            while not files(tmp_path, "claim.json"):
                time.sleep(0.05)
            heart.kill()

        threading.Thread(target=end_it, daemon=True).start()
        with pytest.raises(EnsembleError, match=r"^Ray ended while jobs were under way: .*run the command again\.$"):
            train_all(opener, engine)


SLOW_START = """
import time
from pathlib import Path
if b"dashboard/agent.py" in Path("/proc/self/cmdline").read_bytes():
    mark = Path({!r})
    if not mark.exists():
        mark.touch()
        time.sleep(25)
"""


@needs_ray
@pytest.mark.slow
def test_ray_that_starts_too_slowly_for_itself_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_START.format(str(tmp_path / "mark")))
    places = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT), str(TESTS)])}
    command = [sys.executable, str(TESTS / "support" / "killed_driver.py"), "train", "ray", str(tmp_path / "run")]
    done = subprocess.run([*command, str(tmp_path / "fits")], env={**os.environ, **places}, capture_output=True)
    assert done.returncode == 0 and (tmp_path / "mark").exists(), done.stderr


def test_a_machine_that_does_not_share_the_disk_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone is not there on .*: machines of a cluster have to share its disk"):
        run_job_there(Open(tmp_path), Job("hash", "sentiment", 0, 0), Path.cwd(), tmp_path / "gone")


def test_workers_find_code_that_is_not_installed() -> None:
    assert str(TESTS) in own_code() and not [place for place in own_code() if "site-packages" in place]


def test_without_ray_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r'^Engine "ray" needs Ray, .*: pip install "modality-ensemble\[ray\]"\.$'):
        Cluster(Open(tmp_path), 1)


@needs_ray
@pytest.mark.parametrize("gpus", [1.5, 2.1])
def test_a_part_of_several_gpus_is_refused(tmp_path: Path, gpus: float) -> None:
    with pytest.raises(ConfigError, match=rf"a part of one or a whole number, got {gpus}"):
        Cluster(Open(tmp_path), 1, gpus=gpus)


TRAINING = """
from pathlib import Path
from support.opened import Open, train_all
assert train_all(Open(Path({!r}))) == []
"""
HELP = """
from cli.main import main
try:
    main()  # without arguments it helps
except SystemExit:
    pass
"""


@pytest.mark.parametrize("what", ["help", "training in turn"])
def test_who_does_not_ask_for_ray_does_not_load_it(tmp_path: Path, what: str) -> None:
    code = HELP if what == "help" else TRAINING.format(str(tmp_path / "run"))
    code += "import sys; print(sorted({'ray', 'optuna'} & set(sys.modules)))"
    places = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(TESTS)])}
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **places}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
