"""The whole pipeline on a real dataset, cold (nothing cached) and warm (features cached), stage by stage.

    python benchmarks/pipeline.py mvsa ../shared --keep /tmp/mvsa
    python benchmarks/pipeline.py memotion ../shared --keep /tmp/memotion

``../shared`` holds ``data/<name>/`` and ``weights/{minilm-l6,mobilenetv2_100}/``. Each stage is the installed command
in a process of its own; seconds are wall time, memory is the process's peak. With --publish the out-of-fold and test
probabilities are left under ``benchmarks/predictions/<name>/<learner>/``, the competition file under
``benchmarks/submissions/<name>/``.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.store import LearnerFolder, Store

STAGES = ("data", "train-base", "stack", "submit")
PUBLISHED = Path(__file__).parent / "predictions"
SUBMITTED = Path(__file__).parent / "submissions"


def measure(command: list[str], log: Path) -> tuple[float, float]:
    """``(seconds, peak MiB)`` of a command; stops the benchmark where it fails."""
    started = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def run_stages(config: Path, log: Path, overrides: list[str]) -> dict[str, tuple[float, float]]:
    common = ["-c", str(config), *(part for override in overrides for part in ("--set", override))]
    return {stage: measure(["ensemble", stage, *common], log) for stage in STAGES}


def encoders(shared: Path) -> list[str]:
    text, image = shared / "weights" / "minilm-l6", shared / "weights" / "mobilenetv2_100"
    places = {"base.text.params.text": text, "base.both.params.text": text}
    places |= {"base.image.params.image": image, "base.both.params.image": image}
    return [f"{key}={path.resolve()}" for key, path in places.items()]


def seconds_by_task(run: Path) -> dict[str, float]:
    """What the learners of each task took, in the order they were trained; the first one pays for the encoders."""
    found: dict[str, float] = {}
    folders = [folder for folder in Store(run).learner_folders() if folder.record.is_file()]
    for folder in sorted(folders, key=first_written):
        found[folder.task] = found.get(folder.task, 0.0) + folder.read_record()["seconds"]
    return found


def first_written(folder: LearnerFolder) -> int:
    return folder.finished_jobs()[0].record.stat().st_mtime_ns


def publish(run: Path, name: str) -> None:
    """Out-of-fold and test probabilities for later work to stack, and the competition file."""
    submission = SUBMITTED / name
    submission.mkdir(parents=True, exist_ok=True)
    for file in (run / "submission").iterdir():
        shutil.copy(file, submission / file.name)
    for folder in Store(run).learner_folders():
        target = PUBLISHED / name / folder.learner
        target.mkdir(parents=True, exist_ok=True)
        for part in ("oof", "test"):
            table = pq.read_table(folder.path / f"{part}.parquet")
            single = [pa.float32() if pa.types.is_floating(f.type) else f.type for f in table.schema]
            names = zip(table.schema.names, single, strict=True)
            schema = pa.schema([pa.field(name, kind) for name, kind in names], metadata=table.schema.metadata)
            pq.write_table(table.cast(schema), target / f"{folder.task}.{part}.parquet", compression="zstd")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=["mvsa", "memotion"])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--keep", type=Path, help="a new folder for the runs; default: a temporary one")
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.keep or Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    config, log = folder / "ensemble.toml", folder / "log.txt"
    root = arguments.shared / "data" / arguments.name
    measure(["ensemble", "init", arguments.name, "--root", str(root), "--out", str(config)], log)
    common = [*encoders(arguments.shared), "run.cache=cache"]
    cold = run_stages(config, log, [*common, "run.folder=cold"])
    warm = run_stages(config, log, [*common, "run.folder=warm"])
    rows = count_rows(folder)
    print(f"{arguments.name}: {rows:,} rows, {os.cpu_count()} cores")
    print(f"{'stage':12} {'cold s':>8} {'rows/s':>8} {'MiB':>7} {'warm s':>8} {'rows/s':>8} {'MiB':>7}")
    for stage in STAGES:
        (a, b), (c, d) = cold[stage], warm[stage]
        print(f"{stage:12} {a:8.1f} {rows / a:8.0f} {b:7.0f} {c:8.1f} {rows / c:8.0f} {d:7.0f}")
    a, c = sum(s for s, _ in cold.values()), sum(s for s, _ in warm.values())
    print(f"{'all':12} {a:8.1f} {rows / a:8.0f} {'':7} {c:8.1f} {rows / c:8.0f}")
    by_task = seconds_by_task(folder / "cold")
    first, *further = by_task.values()
    print("seconds per task, cold:", ", ".join(f"{task} {value:.1f}" for task, value in by_task.items()))
    if further:
        print(f"dearest further task / first task: {max(further) / first:.3f}")
    print(log.read_text())
    if arguments.publish:
        publish(folder / "cold", arguments.name)


def count_rows(folder: Path) -> int:
    return int(pq.read_metadata(folder / "cold" / "folds.parquet").num_rows)


if __name__ == "__main__":
    main()
