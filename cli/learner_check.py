"""`ensemble check-learner`: the contract of base learners, run on small drawn posts."""

import wave
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from cli.memes import SENTIMENTS, draw_memes
from cli.progress import Bars

if TYPE_CHECKING:
    from ensemble.data import Dataset

POSTS, SOUNDS, RATE = 120, 6, 16_000


class Checked(TypedDict):
    """A sentence of the contract: the kinds of tasks it was checked for, and by kind why it does not hold."""

    sentence: str
    kinds: list[str]
    failures: dict[str, str]


def check_contract(learner: str, given: Sequence[str], quiet: bool) -> list[Checked]:
    """Every check on every kind of task the learner takes. Raises ConfigError and LearnerError where there is no such
    learner, or where it cannot be made with the parameters ``given``."""
    from base_models import LEARNERS
    from ensemble.bound_learners import LearnerSpec, bind_learner
    from ensemble.config import apply_override
    from ensemble.contract.case import Case
    from ensemble.contract.checks import CHECKS
    from ensemble.system.paths import relative_to
    from ensemble.system.progress import silent

    params: dict[str, Any] = {}
    for override in given:
        apply_override(params, override)
    home = Path.cwd()
    bound = bind_learner(LEARNERS, LearnerSpec(learner, learner, params), home)
    with TemporaryDirectory(prefix="ensemble-") as scratch, relative_to(home):
        posts = draw_posts(Path(scratch) / "posts")
        cases = []
        for task in posts.tasks:
            if hasattr(bound.example, task.target.method):
                (folder := Path(scratch) / task.name).mkdir()
                cases.append(Case(bound.make, task, posts, folder))
        found = []
        for check in (silent if quiet else Bars())(CHECKS, "checks done", len(CHECKS)):
            asked = [case for case in cases if case.task.kind in check.kinds]
            failures: dict[str, str | None] = {case.task.kind: check.failure(case) for case in asked}
            broken = {kind: reason for kind, reason in failures.items() if reason is not None}
            found.append(Checked(sentence=check.sentence, kinds=list(failures), failures=broken))
    return [one for one in found if one["kinds"]]


def draw_posts(folder: Path) -> "Dataset":
    """Labelled memes with a class and a number each, and one of a few sounds."""
    from ensemble.content.scan import scan
    from ensemble.datasets import csv
    from ensemble.datasets.label_columns import LabelColumn

    draw_memes(folder, POSTS, seed=1)
    tasks = {"sentiment": LabelColumn(classes=list(SENTIMENTS)), "feeling": LabelColumn(kind="regression")}
    data = csv.read(folder, "posts.csv", tasks, id="name", text="caption", image="file", images="images")
    files = [_write_tone(folder / "images" / f"{number}.wav", number) for number in range(SOUNDS)]
    heard = [None if row % 17 == 5 else files[row % SOUNDS] for row in range(len(data))]
    return scan(data.with_columns(audio=heard))[0]


def _write_tone(path: Path, number: int) -> str:
    """Of a length and a pitch of its own; its name."""
    times = np.arange(1000 + 700 * number) / RATE
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((8000 * np.sin(2 * np.pi * (200 + 90 * number) * times)).astype("<i2").tobytes())
    return path.name
