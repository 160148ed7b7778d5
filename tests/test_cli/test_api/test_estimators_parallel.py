"""Estimators in joblib's processes."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score

from ensemble import EnsembleClassifier

pytestmark = pytest.mark.alone


def test_cross_validation_side_by_side_says_the_same() -> None:
    random = np.random.default_rng(0)
    labels = random.choice(["glad", "sad"], 40)
    texts = [f"so {label} {word}" for label, word in zip(labels, random.choice(["cat", "dog"], 40), strict=True)]
    texts = [f"{text} {row}" for row, text in enumerate(texts)]
    made = EnsembleClassifier(meta_estimators=("soft_vote",), folds=3, random_state=0)
    alone = cross_val_score(made, texts, labels, cv=2, scoring="neg_log_loss", error_score="raise")
    together = cross_val_score(made, texts, labels, cv=2, scoring="neg_log_loss", error_score="raise", n_jobs=2)
    assert (alone == together).all()
