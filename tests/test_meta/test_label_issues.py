"""Label issues, conflicting copies, hard posts."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from support.world import SENTIMENT, skilled

from ensemble.data import Dataset
from ensemble.predictions import Predictions
from meta.label_issues import conflicts, hardest, label_issues


def posts(labels: list[str | None], **columns: list[object]) -> Dataset:
    frame = {"id": [f"p{n}" for n in range(len(labels))], "text": None, "image": None, "part": "train"}
    return Dataset(pd.DataFrame({**frame, "sentiment": labels, **columns}, dtype=object), Path("."), (SENTIMENT,))


def guess(data: Dataset, values: list[list[float]]) -> Predictions:
    """In another order than the posts."""
    turned = np.arange(len(data))[::-1]
    return Predictions(SENTIMENT, data.ids[turned], np.array(values)[turned])


def test_the_most_confident_contradictions_come_first_with_post_and_probabilities() -> None:
    data = posts(
        ["negative", "positive", "positive", "negative", None],
        text=["so good", None, "c", "d", "e"],
        image=["a.png", None, None, None, None],
    )
    oof = guess(data, [[0.1, 0, 0.9], [0.3, 0, 0.7], [0.2, 0, 0.8], [0.3, 0.1, 0.6], [0, 0, 1]])
    found = label_issues(data, oof, 5)
    assert [row["id"] for row in found] == ["p0"]  # p3 is decided with .6, less than the .75 of rows labelled so
    assert found == json.loads(json.dumps(found))
    assert found[0] == {
        "id": "p0",
        "label": "negative",
        "decided": "positive",
        "probability_of_label": 0.1,
        "probability_of_decided": 0.9,
        "margin": 0.8,
        "text": "so good",
        "image": "a.png",
    }


def test_label_issues_are_flipped_labels_where_the_others_can_be_learned() -> None:
    random = np.random.default_rng(0)
    truth = random.choice(3, size=500, p=[0.6, 0.1, 0.3])
    values = skilled(random, truth, 3, 4.0, np.zeros((500, 3)))
    flipped = random.choice(500, size=20, replace=False)
    labels = truth.copy()
    labels[flipped] = (labels[flipped] + 1) % 3
    data = posts([SENTIMENT.classes[label] for label in labels])
    found = {row["id"] for row in label_issues(data, guess(data, values.tolist()), 20)}
    assert found <= {f"p{row}" for row in flipped} and len(found) >= 15


def test_rows_of_a_rare_class_that_is_never_probable_are_no_issues_for_that() -> None:
    data = posts(["negative"] * 18 + ["neutral"] * 2)
    values = [[0.8, 0.1, 0.1]] * 17 + [[0.9, 0.05, 0.05]] + [[0.7, 0.2, 0.1]] * 2
    assert label_issues(data, guess(data, values), 5) == []


def test_the_hardest_rows_are_those_whose_label_is_least_probable() -> None:
    data = posts(["negative", "neutral", None, "positive"])
    oof = guess(data, [[0.6, 0.2, 0.2], [0.3, 0.3, 0.4], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]])
    found = hardest(data, oof, 2)
    assert [(row["id"], row["label"], row["decided"]) for row in found] == [
        ("p3", "positive", "negative"),
        ("p1", "neutral", "positive"),
    ]
    assert found[0]["text"] is None and found[0]["image"] is None
    assert len(hardest(data, oof, 10)) == 3


def test_copies_with_differing_labels_are_in_conflict_and_unlabelled_ones_are_not() -> None:
    data = posts(
        ["negative", "positive", "neutral", None, "negative", "negative", "positive", "positive", "neutral"],
        group=["a", "a", "b", "b", "c", "c", "d", "d", "d"],
    )
    assert conflicts(data, SENTIMENT) == [
        {"group": 3, "ids": ["p6", "p7", "p8"], "labels": ["positive", "positive", "neutral"]},
        {"group": 0, "ids": ["p0", "p1"], "labels": ["negative", "positive"]},
    ]
    assert conflicts(posts(["negative", "positive"]), SENTIMENT) == []


def test_without_labels_there_is_no_issue_and_nothing_hard() -> None:
    data = posts([None, None])
    oof = guess(data, [[0.6, 0.2, 0.2], [0.3, 0.3, 0.4]])
    assert label_issues(data, oof, 3) == hardest(data, oof, 3) == conflicts(data, SENTIMENT) == []
