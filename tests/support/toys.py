"""Toy base learners for tests: real classes with the protocol's methods, each with one trait."""

import errno
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext, Trial

TOYS = {
    "hash": "support.toys:Hash",
    "failing": "support.toys:Failing",
    "slow": "support.toys:Slow",
    "leaking": "support.toys:Leaking",
    "pair": "support.toys:Pair",
    "gated": "support.toys:Gated",
    "mortal": "support.toys:Mortal",
    "full": "support.toys:Full",
    "mistaken": "support.toys:Mistaken",
    "environment": "support.toys:Environment",
    "waiting": "support.toys:Waiting",
    "counted": "support.toys:Counted",
    "dial": "support.toys:Dial",
    "level": "support.toys:Level",
    "layered": "support.toys:Layered",
    "mortal_dial": "support.toys:MortalDial",
}


class Hash:
    """Probabilities from a hash of the id and the seed: no skill, but deterministic."""

    def __init__(self, salt: int = 0) -> None:
        self.salt = salt

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        self.classes_, self.seed_, self.seen_ = len(task.classes), seed, set(data.ids)

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        assert not self.seen_ & set(data.ids), "a learner predicted rows it was fitted on"
        rows = [np.random.default_rng([self.salt, self.seed_, *str(name).encode()]) for name in data.ids]
        return np.array([row.dirichlet(np.ones(self.classes_)) for row in rows]).reshape(-1, self.classes_)

    def save(self, folder: Path) -> None:
        (folder / "hash.txt").write_text(f"{self.classes_} {self.seed_}")

    def load(self, folder: Path) -> None:
        classes, seed = (folder / "hash.txt").read_text().split()
        self.classes_, self.seed_, self.seen_ = int(classes), int(seed), set()


class Failing(Hash):
    """Fails on one task."""

    def __init__(self, task: str = "sarcasm") -> None:
        super().__init__()
        self.task = task

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        if task.name == self.task:
            raise LearnerError(f"no luck with {task.name}")
        super().fit(data, task, seed)


class Leaking(Hash):
    """Has seen the labels of a share of all posts: the first learner to be fitted writes them down for the others."""

    seen: ClassVar[dict[tuple[str, str | None], int]] = {}  # by task and text

    def __init__(self, share: float = 0.1) -> None:
        super().__init__()
        self.share = share

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        super().fit(data, task, seed)
        self.task_ = task.name
        self.seen.update(zip(((task.name, text) for text in data.texts), data.labels(task).tolist(), strict=True))

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        values = super().predict_proba(data)
        for row, (name, text) in enumerate(zip(data.ids, data.texts, strict=True)):
            known = self.seen.get((self.task_, text))
            if known is not None and np.random.default_rng([*str(name).encode()]).random() < self.share:
                values[row] = np.eye(self.classes_)[known]
        return values


class Pair:
    """Counts which last word of a text, and which image, goes with which class; looks at the text three times as hard.

    ``broken`` fails where no post has that modality.
    """

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def modalities(self) -> tuple[str, ...]:
        return ("text", "image")

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        words, images = self._cues(data)
        if self.broken and not any({"text": words, "image": images}[self.broken]):
            raise LearnerError(f"no {self.broken} to learn from")
        self.classes_ = len(task.classes)
        self.counts_: dict[str, list[float]] = {}
        for cue, label in zip([*words, *images], np.tile(data.labels(task), 2), strict=True):
            if cue:
                self.counts_.setdefault(cue, [1.0] * self.classes_)[label] += 1

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        words, images = self._cues(data)
        nothing = [1.0] * self.classes_
        values = np.array([self.counts_.get(word, nothing) for word in words]) ** 3
        values *= np.array([self.counts_.get(image, nothing) for image in images])
        return np.asarray(values / values.sum(axis=1, keepdims=True))

    def modality_weights(self, data: Dataset) -> npt.NDArray[np.float64]:
        there = np.array([[3.0 * bool(word), 1.0 * bool(image)] for word, image in zip(*self._cues(data), strict=True)])
        with np.errstate(invalid="ignore"):
            return np.asarray(there / there.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        (folder / "pair.json").write_text(json.dumps([self.classes_, self.counts_]))

    def load(self, folder: Path) -> None:
        self.classes_, self.counts_ = json.loads((folder / "pair.json").read_text())

    @staticmethod
    def _cues(data: Dataset) -> tuple[list[str], list[str]]:
        words = [text.split()[-1] if text else "" for text in data.texts]
        return words, [f"image {key}" if key else "" for key in data.image_hashes()]


class Gated(Hash):
    """Looks at each modality as far as ``gates`` say."""

    def __init__(self, looks_at: tuple[str, ...] = ("text", "audio", "video"), gates: tuple[float, ...] = ()) -> None:
        super().__init__()
        self.looks_at = looks_at
        self.gates = gates

    def modalities(self) -> tuple[str, ...]:
        return self.looks_at

    def modality_weights(self, data: Dataset) -> npt.NDArray[np.float64]:
        there = np.array([[cell is not None for cell in data.cells(name)] for name in self.looks_at]).T
        return np.where(there, self.gates, np.nan)


class Mortal(Hash):
    """Its process is killed in the middle of a fit, as often as it has ``lives`` to lose."""

    def __init__(self, lives: int = 1) -> None:
        super().__init__()
        self.lives = lives

    def set_context(self, context: TrainingContext) -> None:
        self._folder = context.folder or Path()

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        deaths = len(list(self._folder.glob("death*")))
        if deaths < self.lives:
            (self._folder / f"death{deaths}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().fit(data, task, seed)


class Dial:
    """Believes the last word of a text as far as ``dial`` is near .7, else a hash of the id: .7 is best. Fails beyond
    ``broken``. Writes down, in this process, which ids it was fitted on and asked about, and how often it was fitted.
    """

    seen: ClassVar[set[str]] = set()
    fits: ClassVar[list[float]] = []

    def __init__(self, dial: float = 0.3, scale: int = 1, broken: float = 2.0) -> None:
        self.dial = dial
        self.scale = scale
        self.broken = broken

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
        return {"dial": trial.suggest_float("dial", 0.0, 1.0)}

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        if self.dial > self.broken:
            raise LearnerError(f"dial {self.dial:.2f} is too much")
        self.classes_ = list(task.classes)
        self.seen.update(data.ids)
        self.fits.append(self.dial)

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        self.seen.update(data.ids)
        values = np.full((len(data), len(self.classes_)), 0.1)
        for row, (name, text) in enumerate(zip(data.ids, data.texts, strict=True)):
            random = np.random.default_rng([*str(name).encode()])
            said = next(i for i, word in enumerate(self.classes_) if (text or "").endswith(word))
            heeds = random.random() > abs(self.dial - 0.7)
            values[row, said if heeds else random.integers(len(self.classes_))] = 1.0
        return np.asarray(values / values.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        (folder / "dial.json").write_text(json.dumps(self.classes_))

    def load(self, folder: Path) -> None:
        self.classes_ = json.loads((folder / "dial.json").read_text())


class Level:
    """Of numbers: ``dial`` times the number that a text ends with, 1 is best; writes down what it was shown."""

    development: ClassVar[list[list[str]]] = []

    def __init__(self, dial: float = 0.5) -> None:
        self.dial = dial

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
        return {"dial": trial.suggest_float("dial", 0.0, 2.0)}

    def set_development(self, data: Dataset) -> None:
        assert not np.isnan(data.labels(data.tasks[0])).any(), "only rows with a label may tell what is best"
        self.development.append(list(data.ids))

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        assert not data.frame["part"].isin(["dev", "test"]).any(), "a learner was fitted on rows that no fold holds"
        assert data.labels(task).dtype == np.float64

    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        return np.array([self.dial * float((text or "0").split()[-1]) for text in data.texts])

    def save(self, folder: Path) -> None:
        (folder / "level.txt").write_text(str(self.dial))

    def load(self, folder: Path) -> None:
        self.dial = float((folder / "level.txt").read_text())


class Layered(Level):
    """Of numbers: what a text ends with and noise of its own for each seed, least at the third of five layers. Writes
    down the layers that were prepared together, those it was fitted on, and the rows it was asked about."""

    prepared: ClassVar[list[tuple[str, ...]]] = []
    fits: ClassVar[list[tuple[int, tuple[str, ...]]]] = []
    seen: ClassVar[set[str]] = set()

    def __init__(self, layer: int = 5, looks_at: tuple[str, ...] = ("text",), broken: int = 0) -> None:
        super().__init__(dial=1.0)
        if not looks_at:
            raise LearnerError("layered looks at nothing")
        self.layer = layer
        self.looks_at = looks_at
        self.broken = broken

    def modalities(self) -> tuple[str, ...]:
        return self.looks_at

    def layer_params(self) -> dict[str, dict[int, dict[str, object]]]:
        return {of: {layer: {"looks_at": [of], "layer": layer} for layer in range(1, 6)} for of in self.looks_at}

    def prepare_layers(self, data: Dataset, cache: FeatureCache) -> None:
        self.prepared.append(self.looks_at)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        if self.layer == self.broken:
            raise LearnerError(f"layer {self.layer} is broken")
        super().fit(data, task, seed)
        self.seed_ = seed
        self.seen.update(data.ids)
        self.fits.append((self.layer, self.looks_at))

    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        blur = 0.2 + 0.3 * abs(self.layer - 3)
        noise = [np.random.default_rng([self.layer, self.seed_, *str(name).encode()]).normal() for name in data.ids]
        return super().predict(data) + blur * np.array(noise)


class MortalDial(Dial):
    """Its process is killed in the second fold of each of its parameters, ``lives`` times; a fit takes ``pause``
    seconds, which makes no other learner of it. Which process began which fold is written down beside the folds."""

    lives: ClassVar[int] = 0
    pause: ClassVar[float] = 0.0

    def __init__(self, dial: float = 0.3, scale: int = 1, broken: float = 2.0, pause: float = 0.0) -> None:
        super().__init__(dial, scale, broken)
        self._pause = pause

    def set_context(self, context: TrainingContext) -> None:
        self._folder = context.folder or Path()

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        time.sleep(self.pause + self._pause)
        fold = self._folder.parent
        with (fold.parent / "fits.txt").open("a") as file:
            file.write(f"{fold.name} {os.getpid()}\n")
        deaths = len(list(fold.parent.glob("death*")))
        if fold.name == "fold-1" and deaths < self.lives:
            (fold.parent / f"death{deaths}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().fit(data, task, seed)


class Full(Hash):
    """Finds no space for its model."""

    def save(self, folder: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "weights"))


class Slow(Hash):
    """Takes ``seconds`` for each fit."""

    def __init__(self, seconds: float = 0.2) -> None:
        super().__init__()
        self.seconds = seconds

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        time.sleep(self.seconds)
        super().fit(data, task, seed)


class Counted(Slow):
    """Writes each fit that it has ended down in a file."""

    def __init__(self, file: str, seconds: float = 0.2) -> None:
        super().__init__(seconds)
        self.file = file

    def set_context(self, context: TrainingContext) -> None:
        self._folder = context.folder or Path()

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        super().fit(data, task, seed)
        with Path(self.file).open("a") as file:
            file.write(f"{self._folder.parent}\n")


class Waiting(Hash):
    """Begins only when a file is there."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        until = time.monotonic() + 120
        while not Path(self.file).exists() and time.monotonic() < until:
            time.sleep(0.05)
        super().fit(data, task, seed)


class Environment(Hash):
    """Saves the variables it found when it was fitted."""

    def save(self, folder: Path) -> None:
        super().save(folder)
        (folder / "environment.txt").write_text("".join(f"{name}={value}\n" for name, value in os.environ.items()))


class Mistaken(Hash):
    """Has a bug."""

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        raise ZeroDivisionError("division by zero")
