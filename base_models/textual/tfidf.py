"""Words and characters counted: tf-idf under a regression, the learner every other one must beat."""

import logging
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.sparse import csr_matrix, hstack

from base_models.objectives.objective import objective_of, restored_objective
from base_models.parameters import ClassBalance, Grid, meaning
from base_models.saved_tensors import read_tensors, write_tensors
from base_models.strength_search import search_note
from ensemble.data import Dataset, Labels, Task
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial

if TYPE_CHECKING:  # a second of every command, of which few count words
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

WORD_COLUMNS, CHARACTER_COLUMNS = 2**19, 2**21

log = logging.getLogger("ensemble")


class Tfidf:
    """Word and character n-grams, sublinear tf-idf, logistic regression; of numbers ridge regression.

    Counting needs no fitting (n-grams are hashed), so each text is counted once for all folds and tasks; document
    frequencies and the vocabulary (n-grams in at least ``min_documents`` fit rows) come from the fit rows alone.
    The strength is the best of ``strengths`` (scikit-learn's C; ridge regression's alpha is 1 / 2C) by log-loss on a
    fifth of the fit rows, of numbers by squared error over three parts of them, groups whole; of more than 25,000 fit
    rows on so many of them.
    Where no n-gram is in so many fit rows, every row gets the class frequencies, or the median.
    """

    of_classes: ClassVar = ("balance",)

    def __init__(
        self,
        words: Annotated[int, Field(ge=1, description="longest n-gram of words")] = 2,
        characters: Annotated[int, Field(ge=2, description="longest n-gram of characters within words")] = 5,
        min_documents: Annotated[int, Field(ge=1, description="fit rows that an n-gram must be in to count")] = 2,
        balance: ClassBalance = 0.5,
        strengths: Annotated[Grid, meaning("scikit-learn's C; the best is taken")] = (0.3, 1.0, 3.0, 10.0),
    ) -> None:
        self.words = words
        self.characters = characters
        self.min_documents = min_documents
        self.balance = balance
        self.strengths = strengths

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
        return {
            "words": trial.suggest_int("words", 1, 3),
            "characters": trial.suggest_int("characters", 3, 6),
            "min_documents": trial.suggest_int("min_documents", 1, 4),
            "balance": trial.suggest_float("balance", 0.0, 1.0),
        }

    def modalities(self) -> tuple[str, ...]:
        return ("text",)

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Count every text once; later calls with the same texts find the counts in memory."""
        texts = tuple(dict.fromkeys(text or "" for text in data.texts))
        self._rows = {text: row for row, text in enumerate(texts)}
        self._all_counts = count(texts, self.words, self.characters)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        data = data.take(task.target.known(data.labels(task)))
        self._fit(data, task, data.labels(task), seed)

    def fit_soft(self, data: Dataset, task: Task, soft: npt.NDArray[np.float64], seed: int) -> None:
        self._fit(data, task, soft if task.classes else soft[:, 0], seed)

    def _fit(self, data: Dataset, task: Task, labels: Labels, seed: int) -> None:
        self.kind_: str = task.kind
        objective = objective_of(task, labels)
        features = self.fit_features(data)
        known = len(self.columns_) > 0
        self.note_ = search_note(len(labels)) if known else self._without_vocabulary(objective.usual_note)
        self.coefficients_, self.intercept_ = objective.regress(
            features, labels, data.groups, self.strengths, self.balance, seed
        )

    def fit_features(self, data: Dataset) -> csr_matrix:
        """(rows, n-grams) of these rows, whose vocabulary and document frequencies count from here on."""
        counts = self._counts(data)
        self.columns_ = np.flatnonzero(np.asarray((counts > 0).sum(axis=0)).ravel() >= self.min_documents)
        weigh = _weighing()
        known = len(self.columns_) > 0  # scikit-learn refuses a table without columns
        self.inverse_frequency_ = weigh.fit(counts[:, self.columns_]).idf_.astype(np.float64) if known else np.zeros(0)
        return self._weigh(counts)

    def features(self, data: Dataset) -> csr_matrix:
        """(rows, n-grams), weighed as those of the fit rows."""
        return self._weigh(self._counts(data))

    def _without_vocabulary(self, usual: str) -> str:
        note = (
            f"tfidf: the texts of the fit rows have no word or piece of one in min_documents = {self.min_documents} of "
            f"them; {usual}."
        )
        _warn_once(note)
        return note

    def training_info(self) -> TrainingInfo:
        return {"note": self.note_} if self.note_ else {}

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows, classes)."""
        return self._predictions(data)

    def predict(self, data: Dataset) -> npt.NDArray[np.float64]:
        """(rows,) of numbers."""
        return self._predictions(data)[:, 0]

    def save(self, folder: Path) -> None:
        learned = {"coefficients": self.coefficients_, "intercept": self.intercept_}
        write_tensors(folder / "tfidf.safetensors", {**self.feature_tensors(), **learned}, self.kind_)

    def load(self, folder: Path) -> None:
        tensors, self.kind_ = read_tensors(folder / "tfidf.safetensors")
        self.restore_features(tensors)
        self.coefficients_, self.intercept_ = tensors["coefficients"], tensors["intercept"]

    def feature_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """By what n-grams are weighed, and which count."""
        return {"columns": self.columns_, "inverse_frequency": self.inverse_frequency_}

    def restore_features(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        self.columns_, self.inverse_frequency_ = tensors["columns"], tensors["inverse_frequency"]

    def _predictions(self, data: Dataset) -> npt.NDArray[np.float64]:
        scores = self.features(data) @ self.coefficients_ + self.intercept_
        return restored_objective({"kind": self.kind_}).predictions(scores, "logits")[0]

    def _counts(self, data: Dataset) -> csr_matrix:
        texts = [text or "" for text in data.texts]
        rows = getattr(self, "_rows", {})
        if all(text in rows for text in texts) and rows:
            return self._all_counts[[rows[text] for text in texts]]
        return count(tuple(texts), self.words, self.characters)

    def _weigh(self, counts: csr_matrix) -> csr_matrix:
        if not len(self.columns_):  # scikit-learn refuses a table without columns
            return counts[:, self.columns_]
        weigh = _weighing()
        weigh.idf_ = self.inverse_frequency_
        return weigh.transform(counts[:, self.columns_])


@lru_cache
def _warn_once(message: str) -> None:
    log.warning(message)


@lru_cache(maxsize=2)
def count(texts: tuple[str, ...], words: int, characters: int) -> csr_matrix:
    """(texts, columns) sparse counts of word n-grams and of character n-grams within words, hashed to columns."""
    if not texts:  # scikit-learn wants one
        return csr_matrix((0, WORD_COLUMNS + CHARACTER_COLUMNS), dtype=np.float32)
    of_words = _counter(ngram_range=(1, words), n_features=WORD_COLUMNS).transform(texts)
    return csr_matrix(hstack([of_words, _count_within_words(texts, characters)], format="csr"))


def _count_within_words(texts: Sequence[str], characters: int) -> csr_matrix:
    """(texts, columns) counts of character n-grams: how often each word is in a text, times what is in that word, which
    is looked at once. The same to the bit as counting text by text, since counts are whole numbers."""
    split = [text.lower().split() for text in texts]  # whole texts in lower case: a sigma at the end of a word differs
    place: dict[str, int] = {}
    words = np.array([place.setdefault(word, len(place)) for of_text in split for word in of_text], dtype=np.int32)
    ends = np.cumsum([0, *map(len, split)])
    of_texts = csr_matrix((np.ones(len(words), dtype=np.float32), words, ends), shape=(len(texts), max(len(place), 1)))
    within = _counter(analyzer="char_wb", lowercase=False, ngram_range=(2, characters), n_features=CHARACTER_COLUMNS)
    counts = csr_matrix(of_texts @ within.transform(place or [""]))
    counts.sort_indices()
    return counts


def _weighing() -> "TfidfTransformer":
    from sklearn.feature_extraction.text import TfidfTransformer

    return TfidfTransformer(sublinear_tf=True)


def _counter(**settings: Any) -> "HashingVectorizer":
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(norm=None, alternate_sign=False, dtype=np.float32, **settings)
