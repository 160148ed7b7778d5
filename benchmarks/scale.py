"""What each stage takes as posts become many: seconds, CPU seconds and memory, a line per stage.

    python benchmarks/scale.py FOLDER                              # 10,000 and 100,000 short texts, then a million rows
    python benchmarks/scale.py FOLDER --rows 100000 --stages stack report
    python benchmarks/scale.py FOLDER --checkout ../before         # the same with another checkout's code

Texts are drawn: words as rare as in language, of which some tell the class, a label in five wrong. Each stage is the
command as a user types it, in a process of its own, so seconds hold the start of Python. A stage that is named is done
again; its results of before are removed.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

CLASSES = ("negative", "neutral", "positive")
SHARES = (0.3, 0.1, 0.6)
VOCABULARY = 30_000
TELLING = 600  # words of which each is of one class
WRONG = 0.2  # of labels
STAGES = ("data", "train-base", "stack", "report", "submit")
RESULTS = {"train-base": "base", "stack": "stack"}
OPTIONS = {"train-base": ("--jobs", str(os.cpu_count() or 1))}

CONFIG = """[data]
preset = "csv"
root = "."
train = "posts.csv"
test = "new.csv"
id = "id"
text = "text"
[data.tasks]
sentiment = ["negative", "neutral", "positive"]
[folds]
k = 5
[run]
folder = "run"
cache = "cache"
[base.tfidf]
learner = "tfidf"
[base.words]
learner = "tfidf"
params = { words = 1, characters = 3 }
[submit]
format = "csv"
"""


def drawn(rows: int, seed: int) -> pd.DataFrame:
    """Posts of some twelve words; every tenth or so holds a word that tells its class."""
    random = np.random.default_rng(seed)
    labels = random.choice(len(CLASSES), size=rows, p=SHARES)
    lengths = random.poisson(11, rows) + 1
    ranks = np.exp(random.uniform(0, np.log(VOCABULARY), lengths.sum())).astype(np.int64)  # Zipf's law
    owner = np.repeat(labels, lengths)
    telling = random.random(len(ranks)) < 0.1
    ranks[telling] = VOCABULARY + (random.integers(TELLING, size=telling.sum()) * len(CLASSES)) + owner[telling]
    words = np.array(
        [_spelled(rank) for rank in range(VOCABULARY + TELLING * len(CLASSES) + len(CLASSES))], dtype=object
    )
    ends = np.cumsum(lengths)
    texts = [" ".join(words[ranks[end - length : end]]) for end, length in zip(ends, lengths, strict=True)]
    wrong = random.random(rows) < WRONG
    labels[wrong] = random.choice(len(CLASSES), size=wrong.sum(), p=SHARES)
    return pd.DataFrame({"id": np.arange(rows), "text": texts, "sentiment": np.array(CLASSES, dtype=object)[labels]})


def _spelled(number: int) -> str:
    """A word of syllables, no two alike."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    word = ""
    while True:
        number, place = divmod(number, len(syllables))
        word += syllables[place]
        if not number:
            return word


def prepare(folder: Path, rows: int) -> None:
    if (folder / "ensemble.toml").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    drawn(rows, 0).to_csv(folder / "posts.csv", index=False)
    drawn(max(rows // 20, 100), 1).drop(columns="sentiment").assign(
        id=lambda frame: "n" + frame["id"].astype(str)
    ).to_csv(folder / "new.csv", index=False)
    (folder / "ensemble.toml").write_text(CONFIG)


def measured(name: str, command: Sequence[str], folder: Path, checkout: Path) -> None:
    """One line: wall seconds, CPU seconds of the process and its children, the largest of them in memory."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    started = time.monotonic()
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "ensemble", *command],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 1, str(folder / f"{name}.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    _, status, used = os.wait4(process, 0)
    wall, cpu = time.monotonic() - started, used.ru_utime + used.ru_stime
    outcome = "" if status == 0 else f"   FAILED: {folder / name}.log"
    print(f"  {name:<12}{wall:9.1f} s{cpu:9.1f} s of CPU{used.ru_maxrss / 2**20:7.2f} GiB{outcome}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=STAGES)
    parser.add_argument("--checkout", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args()
    for rows in options.rows:
        folder = options.folder.resolve() / str(rows)
        prepare(folder, rows)
        print(f"{rows:,} texts", flush=True)
        for stage in options.stages:
            if stage in RESULTS:
                shutil.rmtree(folder / "run" / RESULTS[stage], ignore_errors=True)
            measured(
                stage,
                [stage, "-c", str(folder / "ensemble.toml"), *OPTIONS.get(stage, ())],
                folder,
                options.checkout.resolve(),
            )


if __name__ == "__main__":
    main()
