"""A kind of task that only these tests know, several classes at once, goes through every learner: a class, a line."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit, logit
from support.networks import freeze_imports, one_core
from support.speech import with_sounds
from test_base_models.test_contract import TINY

from base_models import LEARNERS
from base_models.objectives.objective import OBJECTIVES
from base_models.ridge import RidgeProbe
from ensemble.data import Dataset, Task
from ensemble.learner_factory import make_learner
from ensemble.metrics import METRICS
from ensemble.metrics.selection import FAMILIES
from ensemble.targets import TARGETS
from ensemble.targets.classes import Classification


class SeveralTarget(Classification):
    """Labels are sets of classes, as one number whose bits they are."""

    def encode(self, task: Task, column: "pd.Series[Any]") -> np.ndarray:
        known = column.where(column.notna(), "")
        bits = sum(
            known.str.contains(name).to_numpy(dtype=np.int64) << place for place, name in enumerate(task.classes)
        )
        return np.where(column.notna(), bits, -1)

    def invalid(self, task: Task, column: "pd.Series[Any]") -> tuple[np.ndarray, str]:
        return np.zeros(len(column), dtype=bool), "classes"

    def strata(self, task: Task, labels: np.ndarray) -> tuple[np.ndarray, int]:
        return labels, 1 << len(task.classes)

    def problems(self, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        yield "are no probabilities", ~((values >= 0) & (values <= 1)).all(axis=1)


class Several:
    """A logit for each class; what is predicted is the sigmoid."""

    usual_note = "the shares are predicted"

    def __init__(self, shares: np.ndarray) -> None:
        self.usual, self.outputs = shares, len(shares)

    @classmethod
    def of(cls, task: Task, labels: np.ndarray) -> "Several":
        return cls((_bits(labels, len(task.classes)).sum(axis=0) + 1) / (len(labels) + 2))

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> "Several":
        return cls(np.array(record.get("shares", [])))

    def record(self) -> dict[str, object]:
        return {"kind": "several", "shares": self.usual.tolist()}

    def settings(self, training: Any, strict: bool) -> Any:
        return training.model_copy(update={"resample": 0.0})

    def targets(self, training: Any, labels: np.ndarray, ratings: object) -> np.ndarray:
        return _bits(labels, self.outputs).astype(np.float32)

    def loss(self, training: Any, labels: np.ndarray, device: torch.device) -> Any:
        entropy = torch.nn.functional.binary_cross_entropy_with_logits
        return lambda outputs, targets: entropy(outputs.float(), targets, reduction="none").sum(dim=1)

    def predictions(self, outputs: np.ndarray, average: str) -> tuple[np.ndarray, np.ndarray]:
        values = expit(outputs.astype(np.float64))
        return (values, np.zeros_like(values)) if values.ndim == 2 else (values.mean(axis=1), values.std(axis=1))

    def validation_loss(self, training: Any, labels: np.ndarray, values: np.ndarray) -> float:
        return float(np.square(values - _bits(labels, self.outputs)).mean())

    def probe(self, name: str, penalties: Sequence[float], costs: Sequence[float], balance: float) -> "EachProbe":
        return EachProbe(self.usual)

    def regress(self, features: Any, labels: np.ndarray, *_: object) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((features.shape[1], self.outputs)), logit(self.usual)


class EachProbe:
    """A ridge regression of each class."""

    def __init__(self, usual: np.ndarray) -> None:
        self.usual = usual

    def fit(self, features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> None:
        each = zip(self.usual, _bits(labels, len(self.usual)).T, strict=True)
        fitted = [RidgeProbe([1.0], share).fit(features, bits, groups, seed).tensors() for share, bits in each]
        self.learned = {name: np.concatenate([one[name] for one in fitted], axis=-1) for name in fitted[0]}

    def predictions(self, features: np.ndarray) -> np.ndarray:
        return np.clip(features @ self.learned["coefficients"] + self.learned["intercept"], 0, 1)

    def tensors(self) -> dict[str, np.ndarray]:
        return self.learned

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        self.learned = tensors


def _bits(labels: np.ndarray, classes: int) -> np.ndarray:
    return (labels[:, None] >> np.arange(classes) & 1).astype(np.float64)


class FirstMetric:
    """The metric of the tests: how close the probabilities are."""

    def of(self, task: Task) -> Any:
        return METRICS["log_loss"]


@pytest.mark.parametrize("learner", sorted(set(LEARNERS) - {"prior", "sklearn"}))
def test_a_kind_of_task_more_is_learned_saved_and_loaded(
    learner: str, encoders: dict[str, str], posts: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TARGETS, "several", SeveralTarget())
    monkeypatch.setitem(FAMILIES, "several", FirstMetric())  # type: ignore[misc]
    monkeypatch.setitem(OBJECTIVES, "several", Several)  # type: ignore[misc]
    task = Task("topics", ("cat", "monday", "coffee"), "log_loss", kind="several")  # type: ignore[arg-type]
    topics = [f"{'cat' if row % 2 else ''} {'coffee' if row % 3 else ''}" for row in range(len(posts))]
    heard = with_sounds(posts, tmp_path / "sounds")
    data = Dataset(heard.frame.assign(topics=topics), posts.root, (task,))
    params = {name: encoders.get(str(value), value) for name, value in TINY[learner].items()}
    made = [make_learner(LEARNERS, learner, params, "tests") for _ in range(2)]
    freeze_imports()
    with one_core():
        made[0].fit(data.take(range(60)), task, 0)
        made[0].save(tmp_path)
        made[1].load(tmp_path)
        values = [one.predict_proba(data.take(range(60, 80))) for one in made]
    assert values[0].shape == (20, 3) and not any(bad.any() for _, bad in task.target.problems(values[0]))
    assert (values[0] == values[1]).all()
