"""A disk that fills up in the middle: one line, nothing corrupt, and once there is space, the same bytes."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from support.networks import Net, curve, fit, quick, same_weights, toy_problem
from support.toys import TOYS, Hash
from support.world import toy_table

from ensemble.blocks import Features
from ensemble.errors import StoreError
from ensemble.features import FeatureCache
from ensemble.jobs.job import list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import train
from ensemble.run import Run
from ensemble.store import Store
from ensemble.upkeep.removal import clean

FULL = r"^The disk is full: .* was not written\. Make space and run the command again\.$"
KEY = "text-" + "0" * 32


class Disk:
    """A file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def resize(self, size: int) -> None:
        how = f"remount,size={size}" if os.path.ismount(self.folder) else f"size={size}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", how, "tmpfs", self.folder], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Needs to be root, and allowed to mount."""
    found = Disk(tmp_path / "disk")
    found.folder.mkdir()
    try:
        found.resize(100_000)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system may be mounted here")
    try:
        yield found
    finally:
        subprocess.run(["umount", "-l", found.folder], check=True)


class Wide(Net):
    """As large as a few pages of a disk."""

    def __init__(self) -> None:
        super().__init__(dropout=0.3)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(6)
            self.more = torch.nn.Linear(200, 200)  # 160 kB, beside the same of the optimizer's memory

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        return super().forward(vectors) + 0 * self.more.weight.sum()


HOW = quick(checkpoint_minutes=0, validation=0.25, optimizer="adamw")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("size", [100_000, 300_000, 500_000, 700_000, 1_000_000])
def test_a_training_whose_checkpoint_finds_no_space_goes_on_to_the_same_bits(disk: Disk, size: int) -> None:
    """The sizes fail in the weights, in the optimizer's memory, and with a complete checkpoint beside."""
    disk.resize(size)
    with pytest.raises(StoreError, match=FULL):
        fit(Wide(), toy_problem(37, 0.25), HOW, disk.folder)
    halves = [path for path in disk.folder.glob("checkpoint-*") if not (path / "journal.json").exists()]
    assert halves == [] and not list(disk.folder.rglob(".*.tmp"))
    disk.resize(10_000_000)
    again, whole = Wide(), Wide()
    assert curve(fit(again, toy_problem(37, 0.25), HOW, disk.folder)) == curve(fit(whole, toy_problem(37, 0.25), HOW))
    assert same_weights(again, whole)


def encode(rows: Sequence[int]) -> Features:
    return np.outer(rows, np.ones(100, dtype=np.float32)).astype(np.float32)


@pytest.mark.parametrize("size", [4_096, 20_000, 40_000])
def test_features_that_find_no_space_are_encoded_later_to_the_same_files(disk: Disk, tmp_path: Path, size: int) -> None:
    keys = [f"key{number}" for number in range(200)]
    disk.resize(size)
    with pytest.raises(StoreError, match=FULL):
        FeatureCache(disk.folder).fill(KEY, keys, encode, 32, "blocks")
    assert not list(disk.folder.rglob(".*.tmp"))
    disk.resize(1_000_000)
    found = FeatureCache(disk.folder).get(KEY, keys, encode, 32, "blocks")
    whole = FeatureCache(tmp_path / "whole")
    np.testing.assert_array_equal(whole.get(KEY, keys, encode, 32, "blocks"), found)
    ours, theirs = disk.folder / KEY, tmp_path / "whole" / KEY
    assert files(ours) == files(theirs)
    same = [name for name in files(ours) if not name.endswith(".seconds")]  # how long it took
    assert all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in same)


class Wordy(Hash):
    """Writes its model as libraries do: with plain calls, and from a language with errors of its own."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        save_file({"weights": np.arange(3_000)}, folder / "model.safetensors")
        with (folder / "model.npy").open("wb") as file:
            np.save(file, np.arange(3_000))


REGISTRY = {**TOYS, "wordy": f"{__name__}:Wordy"}
MakeRun = Callable[..., Run]


def train_all(run: Run) -> None:
    assert train(run, list_work(run, run.specs, run.data.tasks, ())) == []


def oof(run: Run) -> dict[str, bytes]:
    return {str(path.relative_to(run.store.root)): path.read_bytes() for path in run.store.root.rglob("*.parquet")}


@pytest.mark.parametrize("size", [4_096, 20_000, 40_000, 60_000, 110_000, 180_000])
def test_jobs_that_find_no_space_are_done_later_to_the_same_bytes(disk: Disk, make_run: MakeRun, size: int) -> None:
    data = toy_table(60, test_rows=6)
    whole = make_run(data, {"a": ("wordy", {}), "b": ("hash", {})}, registry=REGISTRY)
    train_all(whole)
    run = replace(whole, store=Store(disk.folder / "run"))
    disk.resize(size)
    with pytest.raises(StoreError, match=FULL):
        train_all(run)
    done = status(run)["jobs"].get("done", 0)
    assert status(run)["jobs"] in ({"missing": 6}, {"done": done, "missing": 6 - done}), "nothing failed or stale"
    disk.resize(10_000_000)
    train_all(run)
    assert oof(run) == oof(whole) and not list(run.store.root.rglob(".*.tmp"))


def test_a_full_disk_can_be_cleaned(disk: Disk, make_run: MakeRun) -> None:
    made = make_run(toy_table(60), {"a": ("wordy", {})}, registry=REGISTRY)
    run = replace(made, store=Store(disk.folder / "run"))
    disk.resize(10_000_000)
    train_all(run)
    with (disk.folder / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4_096))
    found = clean(run, ["models"], delete=True)
    assert found.left == () and len(found.items) == 3
    assert status(run)["jobs"] == {"done": 3}
