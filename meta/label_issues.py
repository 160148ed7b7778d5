"""Label issues: labels contradicted by the ensemble, at odds with those of copies; and the hardest posts."""

from typing import cast

import numpy as np
import pandas as pd

from ensemble.data import Dataset, Task
from ensemble.predictions import Predictions
from meta.records import LabelConflict, LabelIssue
from meta.targets import target_of


def label_issues(data: Dataset, oof: Predictions, count: int) -> list[LabelIssue]:
    """The ``count`` rows whose label the ensemble contradicts most confidently, by ``margin``: how much more probable
    the decided class is than the label. ``oof`` has the rows of ``data`` in any order.

    The decided class must be as probable as it is, on average, on the rows that are labelled so: the threshold of
    confident learning (Northcutt et al. 2021), without which every row of a rare class would be one. A number is
    contradicted by none: there are no such rows.
    """
    if target_of(oof.task).section == "numbers":
        return []
    frame = _labelled(data, oof)
    self_confidence = frame.groupby("label")["probability_of_label"].mean()
    sure = frame["probability_of_decided"] >= self_confidence.reindex(frame["decided"]).to_numpy()
    return _records(frame[sure & (frame["margin"] > 0)].nlargest(count, "margin"))


def hardest(data: Dataset, oof: Predictions, count: int) -> list[LabelIssue]:
    """The ``count`` rows of the greatest log-loss, as those of ``label_issues``: their label is least probable. Of a
    number, those of the greatest error."""
    if target_of(oof.task).section == "numbers":
        frame = _missed(data, oof)
        return _records(frame.loc[frame["error"].abs().nlargest(count).index])
    return _records(_labelled(data, oof).nsmallest(count, "probability_of_label"))


def conflicts(data: Dataset, task: Task) -> list[LabelConflict]:
    """The groups of copies whose labels differ, those of most rows first; rows without a label are left out."""
    frame = pd.DataFrame({"group": data.groups, "id": data.ids, "label": data.frame[task.name]}).dropna()
    differing = frame[frame.groupby("group")["label"].transform("nunique") > 1]
    found: list[LabelConflict] = [
        {"group": int(rows["group"].iloc[0]), "ids": rows["id"].tolist(), "labels": [*map(_written, rows["label"])]}
        for _, rows in differing.groupby("group")
    ]
    return sorted(found, key=lambda entry: -len(entry["ids"]))


def _labelled(data: Dataset, oof: Predictions) -> pd.DataFrame:
    """The rows with a label, in the order of the data: label and decided class, how probable each is, the post."""
    task, aligned, rows = oof.task, oof.take(data.ids), np.arange(len(data))
    labels, decided, classes = data.labels(task), aligned.labels(), np.array(task.classes, dtype=object)
    of_label, of_decided = aligned.values[rows, labels], aligned.values[rows, decided]
    columns = {
        "id": data.ids,
        "label": classes[labels],
        "decided": classes[decided],
        "probability_of_label": of_label,
        "probability_of_decided": of_decided,
        "margin": of_decided - of_label,
        **{name: pd.Series(data.cells(name), dtype=object) for name in data.modalities},
    }
    return pd.DataFrame(columns)[task.target.known(labels)]


def _missed(data: Dataset, oof: Predictions) -> pd.DataFrame:
    """The rows with a number, in the order of the data: it, what was predicted, the difference, the post."""
    task = oof.task
    labels, predicted = data.labels(task), oof.take(data.ids).labels()
    columns = {
        "id": data.ids,
        "label": [_written(label) for label in labels],
        "decided": [_written(number) for number in predicted],
        "error": predicted - labels,
        **{name: pd.Series(data.cells(name), dtype=object) for name in data.modalities},
    }
    return pd.DataFrame(columns)[task.target.known(labels)]


def _written(label: object) -> str:
    """The name of a class as it is, a number with three digits."""
    return label if isinstance(label, str) else f"{label:.3g}"


def _records(frame: pd.DataFrame) -> list[LabelIssue]:
    return [cast(LabelIssue, record) for record in frame.to_dict("records")]
