"""Words and characters counted: tf-idf under a logistic regression, the learner every other one must beat."""

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field
from safetensors.numpy import load_file, save
from scipy.sparse import csr_matrix, hstack
from scipy.special import softmax
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from base_models.class_weights import class_weights, smoothed_frequencies
from base_models.parameters import ClassBalance, Grid, meaning
from ensemble.data import Codes, Dataset, Task
from ensemble.features import FeatureCache
from ensemble.folds import stratified_group_split
from ensemble.learner import TrainingInfo, Trial
from ensemble.system.files import write_atomic

WORD_COLUMNS, CHARACTER_COLUMNS = 2**19, 2**21
INNER_SHARE = 0.2
ABSENT = -20.0

log = logging.getLogger("ensemble")


class Tfidf:
    """Word and character n-grams, sublinear tf-idf, logistic regression.

    Counting needs no fitting (n-grams are hashed), so each text is counted once for all folds and tasks; document
    frequencies and the vocabulary (n-grams in at least ``min_documents`` fit rows) come from the fit rows alone.
    The strength is the best of ``strengths`` (scikit-learn's C) by log-loss on a fifth of the fit rows, groups whole.
    Where no n-gram is in so many fit rows, every row gets the class frequencies.
    """

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
        self.note_ = ""
        data = data.take(data.labels(task) >= 0)
        labels, classes = data.labels(task), len(task.classes)
        counts = self._counts(data)
        self.columns_ = np.flatnonzero(np.asarray((counts > 0).sum(axis=0)).ravel() >= self.min_documents)
        if not len(self.columns_):
            return self._fit_frequencies(labels, classes)
        weigh = TfidfTransformer(sublinear_tf=True).fit(counts[:, self.columns_])
        self.inverse_frequency_ = weigh.idf_.astype(np.float64)
        features = self._weigh(counts)
        inner = stratified_group_split([labels], [classes], data.groups, [1 - INNER_SHARE, INNER_SHARE], seed)
        weights = class_weights(labels, classes, self.balance)
        strength = self._choose_strength(features, labels, weights, inner == 1)
        self.coefficients_, self.intercept_ = self._regress(features, labels, weights, [strength], classes)[0]

    def _fit_frequencies(self, labels: Codes, classes: int) -> None:
        """Without a vocabulary."""
        self.note_ = (
            f"tfidf: the texts of the fit rows have no word or piece of one in min_documents = {self.min_documents} of "
            "them; class frequencies are predicted."
        )
        _warn_once(self.note_)
        self.inverse_frequency_, self.coefficients_ = np.zeros(0), np.zeros((0, classes))
        self.intercept_ = np.log(smoothed_frequencies(labels, classes))

    def training_info(self) -> TrainingInfo:
        return {"note": self.note_} if self.note_ else {}

    def predict_proba(self, data: Dataset) -> npt.NDArray[np.float64]:
        scores = self._weigh(self._counts(data)) @ self.coefficients_ + self.intercept_
        return np.asarray(softmax(scores, axis=1))

    def save(self, folder: Path) -> None:
        tensors = {
            "columns": self.columns_,
            "inverse_frequency": self.inverse_frequency_,
            "coefficients": self.coefficients_,
            "intercept": self.intercept_,
        }
        whole = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
        write_atomic(folder / "tfidf.safetensors", save(whole))

    def load(self, folder: Path) -> None:
        tensors = load_file(folder / "tfidf.safetensors")
        self.columns_, self.inverse_frequency_ = tensors["columns"], tensors["inverse_frequency"]
        self.coefficients_, self.intercept_ = tensors["coefficients"], tensors["intercept"]

    def _counts(self, data: Dataset) -> csr_matrix:
        texts = [text or "" for text in data.texts]
        rows = getattr(self, "_rows", {})
        if all(text in rows for text in texts) and rows:
            return self._all_counts[[rows[text] for text in texts]]
        return count(tuple(texts), self.words, self.characters)

    def _weigh(self, counts: csr_matrix) -> csr_matrix:
        if not len(self.columns_):  # scikit-learn refuses a table without columns
            return counts[:, self.columns_]
        weigh = TfidfTransformer(sublinear_tf=True)
        weigh.idf_ = self.inverse_frequency_
        return weigh.transform(counts[:, self.columns_])

    def _regress(
        self,
        features: csr_matrix,
        labels: Codes,
        weights: npt.NDArray[np.float64],
        strengths: Sequence[float],
        classes: int,
    ) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """Coefficients (columns, classes) and intercepts for each strength, each fit starting from the one before.

        A class without rows has a score far below all others; a single class has no coefficients at all.
        """
        present = np.unique(labels)
        model = LogisticRegression(solver="newton-cg", warm_start=True, tol=1e-5, max_iter=200)
        path = []
        for strength in strengths:
            coefficients = np.zeros((features.shape[1], classes))
            intercept = np.full(classes, ABSENT)
            intercept[present] = 0.0
            if len(present) > 1:
                model.set_params(C=strength).fit(features, labels, sample_weight=weights)
                binary = len(present) == 2  # one row of coefficients, for the second class
                used = present[1:] if binary else present
                coefficients[:, used], intercept[used] = model.coef_.T, model.intercept_
            path.append((coefficients, intercept))
        return path

    def _choose_strength(
        self, features: csr_matrix, labels: Codes, weights: npt.NDArray[np.float64], held: npt.NDArray[np.bool_]
    ) -> float:
        classes = int(labels.max()) + 1
        if len(np.unique(labels)) < 2 or held.all() or not held.any():
            return self.strengths[0]
        models = self._regress(features[~held], labels[~held], weights[~held], self.strengths, classes)
        losses = [
            log_loss(
                labels[held],
                softmax(features[held] @ coefficients + intercept, axis=1),
                labels=list(range(classes)),
                sample_weight=weights[held],
            )
            for coefficients, intercept in models
        ]
        return self.strengths[int(np.argmin(losses))]


@lru_cache
def _warn_once(message: str) -> None:
    log.warning(message)


@lru_cache(maxsize=2)
def count(texts: tuple[str, ...], words: int, characters: int) -> csr_matrix:
    """(texts, columns) sparse counts of word n-grams and of character n-grams within words, hashed to columns."""
    if not texts:  # scikit-learn wants one
        return csr_matrix((0, WORD_COLUMNS + CHARACTER_COLUMNS), dtype=np.float32)
    of_words = HashingVectorizer(
        ngram_range=(1, words), n_features=WORD_COLUMNS, norm=None, alternate_sign=False, dtype=np.float32
    )
    of_characters = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(2, characters),
        n_features=CHARACTER_COLUMNS,
        norm=None,
        alternate_sign=False,
        dtype=np.float32,
    )
    return csr_matrix(hstack([of_words.transform(texts), of_characters.transform(texts)], format="csr"))
