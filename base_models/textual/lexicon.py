"""Words whose feeling is known: what a lexicon says of a text, under a regression. It has learned from other people's
judgements, not from the labels at hand, so it errs elsewhere than what has."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import sqrt
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt

from base_models.objectives.objective import Objective, Probe, objective_of, restored_objective
from base_models.parameters import ClassBalance, Grid, meaning
from base_models.saved_tensors import read_tensors, write_tensors
from base_models.standardisation import Standardisation
from ensemble.blocks import Features
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError, first_line
from ensemble.learner import TrainingInfo, Trial
from ensemble.system.files import known_hash
from ensemble.system.paths import locate

ENGLISH = (
    "no not never none nobody nothing neither nor cannot without hardly ain't aint aren't arent can't cant couldn't "
    "couldnt didn't didnt doesn't doesnt don't dont hadn't hadnt hasn't hasnt haven't havent isn't isnt shouldn't "
    "shouldnt wasn't wasnt weren't werent won't wont wouldn't wouldnt"
)
# Both as VADER has them (Hutto and Gilbert 2014): "not great" is a little less bad than "great" is good; the size of a
# sum at which it counts as strong.
TURNED, STRONG = -0.74, 15.0
PENALTIES = (1.0, 10.0, 100.0)
REACH = 3  # words and marks behind a negation that it turns
PARTS = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


class Lexicon:
    """``lexicon`` is a UTF-8 file with a word or emoticon, a tab, and how good or bad it is (a number) in each line, as
    VADER's and AFINN's are published; what stands behind a second tab is left aside, and of a word that comes twice the
    last counts. What is one of the three words or marks behind one of ``negations`` is turned and weakened.

    Of a text the regression sees what is good and what is bad in it for its length, how strong the sum is and on which
    side, the best and the worst word, and the share of words that the lexicon knows. Classes have the best of
    ``penalties`` of a logistic probe, numbers of a ridge regression. Entries of several words are not looked for.
    """

    of_classes: ClassVar = ("balance",)

    def __init__(
        self,
        lexicon: Annotated[str, meaning("file with a word, a tab and a number in each line")],
        negations: Annotated[Sequence[str] | None, meaning("words that turn what follows; not set: English")] = None,
        penalties: Annotated[Grid, meaning("of the probe, or ridge regression; the best is taken")] = PENALTIES,
        balance: ClassBalance = 0.5,
    ) -> None:
        self.lexicon = lexicon
        self.negations = negations
        self.penalties = penalties
        self.balance = balance

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
        return {
            "penalties": [trial.suggest_float("penalty", 0.1, 300.0, log=True)],
            "balance": trial.suggest_float("balance", 0.0, 1.0),
        }

    def modalities(self) -> tuple[str, ...]:
        return ("text",)

    def sources(self) -> list[Path]:
        """The lexicon; raises LearnerError where it is not there."""
        return [lexicon_file(self.lexicon)]

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        data = data.take(task.target.known(data.labels(task)))
        labels = data.labels(task)
        self.kind_: str = task.kind
        features = self._features(data)
        self.scaled_ = Standardisation().fit(columns := columns_of(features))
        self.probe_ = self._probe(objective_of(task, labels))
        self.probe_.fit(self.scaled_.transform(columns), labels, data.groups, seed)
        self.found_ = int((features[:, -1] > 0).sum())  # NaN, of a missing text, is not above 0

    def training_info(self) -> TrainingInfo:
        if self.found_:
            return {}
        return {"note": f"lexicon: no text of the fit rows has a word of {self.lexicon}; it tells them not apart."}

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows, classes)."""
        return self._predictions(data)

    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows,) of numbers."""
        return self._predictions(data)[:, 0]

    def save(self, folder: Path) -> None:
        write_tensors(folder / "lexicon.safetensors", {**self.scaled_.tensors(), **self.probe_.tensors()}, self.kind_)

    def load(self, folder: Path) -> None:
        tensors, self.kind_ = read_tensors(folder / "lexicon.safetensors")
        self.scaled_ = Standardisation.restored(tensors)
        self.probe_ = self._probe(restored_objective({"kind": self.kind_}))
        self.probe_.restore(tensors)

    def _probe(self, objective: Objective) -> Probe:
        return objective.probe("logistic", self.penalties, (), self.balance)

    def _predictions(self, data: Dataset) -> npt.NDArray[np.float64]:
        return self.probe_.predictions(self.scaled_.transform(columns_of(self._features(data))))

    def _features(self, data: Dataset) -> Features:
        return lexicon_features(self.lexicon, data, self.negations)


def lexicon_file(lexicon: str) -> Path:
    """Raises LearnerError where it is not there."""
    if not (path := locate(lexicon)).is_file():
        raise LearnerError(f"No such lexicon: {path}. Give a file with a word, a tab and a number in each line.")
    return path


def lexicon_features(lexicon: str, data: Dataset, negations: Sequence[str] | None = None) -> Features:
    """(rows, 7); NaN where there is no text. ``negations`` None are the English ones."""
    path = lexicon_file(lexicon)
    scores, turning = (
        read_lexicon(path, known_hash(path)),
        frozenset(ENGLISH.split() if negations is None else negations),
    )
    missing = [np.nan] * 7
    rows = [missing if text is None else summary(*valences(text, scores, turning)) for text in data.texts]
    return np.array(rows, dtype=np.float32).reshape(-1, 7)


def columns_of(features: Features) -> list[Features]:
    """Each scaled on its own."""
    return np.split(features, features.shape[1], axis=1)


@lru_cache(maxsize=4)
def read_lexicon(path: Path, content: str) -> Mapping[str, float]:
    """Words, in lower case too, and how good they are; raises LearnerError for a line that says something else.
    ``content`` is the file's hash: it is read once as long as it stays the same."""
    scores: dict[str, float] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LearnerError(f"{path} cannot be read as UTF-8: {first_line(error)}") from error
    for number, line in enumerate(lines, start=1):
        word, _, rest = line.partition("\t")
        try:
            score = float(rest.partition("\t")[0])
        except ValueError:
            score = np.nan
        if line.strip() and (not word.strip() or not np.isfinite(score)):
            raise LearnerError(f"{path}, line {number}: {line[:60]!r} is not a word, a tab and a number.")
        if line.strip():
            scores[word.strip()] = score
    if not scores:
        raise LearnerError(f"{path} is empty; it must have a word, a tab and a number in each line.")
    return {word.lower(): score for word, score in scores.items()} | scores


def valences(text: str, scores: Mapping[str, float], negations: frozenset[str]) -> tuple[list[float], int]:
    """Of each word or emoticon that is known how good it is here; and how many words and marks there are in all."""
    found, words, negated = [], 0, -REACH - 1
    for piece in text.replace("\u2019", "'").split():
        for part in [piece] if piece in scores else PARTS.findall(piece.lower()):  # emoticons are pieces: ":D", "<3"
            words += 1
            if part in negations:
                negated = words
            if part in scores:
                found.append(scores[part] * (TURNED if 0 < words - negated <= REACH else 1.0))
    return found, words


def summary(found: Sequence[float], words: int) -> list[float]:
    """Seven numbers, all 0 where nothing was found."""
    values = [*found, 0.0]
    length, total = sqrt(max(words, 1)), sum(values)
    strength = total / sqrt(total**2 + STRONG)
    good, bad = (sum(max(sign * value, 0.0) for value in values) / length for sign in (1, -1))
    return [good, bad, strength, abs(strength), max(values), min(values), len(found) / max(words, 1)]
