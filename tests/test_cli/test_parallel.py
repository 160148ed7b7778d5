"""Jobs in several processes, from the command line."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.shell import Ensemble

from ensemble.system.claims import FILE


def results(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.glob("base/**/*.parquet")}


@pytest.mark.alone
def test_two_processes_end_with_the_bytes_of_one(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    same = ("--learner", "tfidf", "--learner", "text", "--set", "run.threads=1")
    assert ensemble("train-base", *same, "--set", "run.folder=one").code == 0
    outcome = ensemble("train-base", *same, "--set", "run.folder=two", "--jobs", "2", "--json")
    assert outcome.code == 0 and json.loads(outcome.out)["failures"] == []
    assert "16/16 " in outcome.err and ": done in " in outcome.err
    assert results(tmp_path / "two") == results(tmp_path / "one") != {}
    record = json.loads((tmp_path / "two" / "run.json").read_text())
    assert record["config"]["threads"] == 1


def test_one_gpu_is_used_by_this_process(
    ensemble: Ensemble, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert ensemble("train-base", "-l", "prior", "--gpus", "3").code == 0
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3" and list((tmp_path / "run").rglob("done.json"))


def test_several_processes_on_each_job_are_not_for_several_jobs(
    ensemble: Ensemble, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    outcome = ensemble("train-base", "--jobs", "2")
    assert outcome.code == 2 and "torchrun puts all its processes on each job: leave out --jobs" in outcome.err


@pytest.mark.alone
@pytest.mark.skipif(find_spec("ray") is None, reason="no ray")  # importing it here would be too early for its settings
def test_ray_ends_with_the_bytes_of_one(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    same = ("--learner", "text", "--set", "run.threads=1")
    assert ensemble("train-base", *same, "--set", "run.folder=one").code == 0
    command = [sys.executable, "-m", "cli.main", "train-base", "-c", str(config), *same, "--set", "run.folder=two"]
    done = subprocess.run([*command, "--engine", "ray", "--jobs", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "two") == results(tmp_path / "one") != {}


def test_failed_jobs_are_listed_by_cause_with_the_command_that_tries_them_again(
    ensemble: Ensemble, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "config.json").write_text("{}")
    broken = ("--set", "base.text.params.text=nowhere", "-l", "tfidf", "-l", "text", "-f", "1")
    outcome = ensemble("train-base", *broken)
    both = "failed: 2 times, text / sentiment / seed 0 / fold 1; text / sarcasm / seed 0 / fold 1: Cannot load model"
    assert outcome.code == 2 and outcome.out.count(both) == outcome.out.count("Cannot load model") == 1
    assert outcome.err.count("Cannot load model") == 1 and "sarcasm / seed 0 / fold 1: failed, as before" in outcome.err
    tasks = "--task sentiment --task sarcasm"
    again = f"ensemble train-base --set base.text.params.text=nowhere --learner text {tasks} --fold 1"
    assert again in outcome.out.splitlines()
    assert ensemble("train-base", "-l", "text", "-f", "1").code == 0


@pytest.mark.alone
def test_control_c_ends_all_processes_in_order_and_the_same_command_continues(config: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cli.main", "train-base", "-c", str(config), "--jobs", "2", "-l", "text"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list((tmp_path / "run").rglob("done.json")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1].startswith("ensemble: Interrupted") and "Traceback" not in errors
    assert not list((tmp_path / "run").rglob(FILE)) and not list((tmp_path / "run").rglob(".*.tmp"))
    assert subprocess.run([*command, "--quiet"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--jobs-per-gpu", "2"), "--jobs-per-gpu needs --gpus"),
        (("--gpus", "0", "--jobs-per-gpu", "0"), "--jobs-per-gpu 0 goes with --engine ray"),
        (("--engine", "slurm"), "Unknown engine 'slurm'. Available: local, ray."),
        (("--engine", "ray", "--gpus", "0"), "Ray hands out its own: --jobs-per-gpu 1"),
        (("--address", "auto"), "--address auto is that of a Ray cluster and needs --engine ray"),
        (("--gpus", "0,0"), "each once"),
        (("--gpus", "7,x"), "must name GPUs by number"),
        (("--gpus", "0,99"), "99: this machine has"),
        (("--gpus", "0,1", "--jobs", "3"), "which make 2; leave out --jobs"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    ensemble: Ensemble, config: Path, options: tuple[str, ...], said: str
) -> None:
    outcome = ensemble("train-base", *options)
    assert outcome.code == 2 and said in outcome.err
