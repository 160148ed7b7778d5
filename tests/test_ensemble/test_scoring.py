"""The score card: plain JSON, on the rows whose label is known."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.data import Dataset, Task
from ensemble.metrics import METRICS
from ensemble.predictions import Predictions, mean
from ensemble.scoring import ScoreCard, score_card


def guess(task: Task, data: Dataset, seed: int = 0) -> Predictions:
    values = np.random.default_rng(seed).dirichlet(np.ones(len(task.classes)), len(data))
    return Predictions(task, data.ids, values)


def plain(card: ScoreCard) -> dict[str, Any]:
    """The card after JSON, which knows no NaN."""
    read: dict[str, Any] = json.loads(json.dumps(card, allow_nan=False))
    return read


def with_labels(data: Dataset, task: Task, labels: list[str | None]) -> Dataset:
    return data.with_columns(**{task.name: labels})


def test_the_card_holds_every_metric_and_the_confusion() -> None:
    data = toy_table(80)
    predictions = guess(SENTIMENT, data)
    card = plain(score_card(SENTIMENT, predictions, data))
    labels = data.labels(SENTIMENT)
    assert (card["rows"], card["metric"], set(card["metrics"])) == (80, "macro_f1", set(METRICS))
    assert card["metrics"]["macro_f1"]["value"] == pytest.approx(
        f1_score(labels, predictions.labels(), average="macro")
    )
    assert card["confusion"] == confusion_matrix(labels, predictions.labels()).tolist()
    assert card["classes"]["negative"]["support"] == int((labels == 0).sum())


def test_the_judging_metric_has_an_interval_around_its_value() -> None:
    task = replace(SARCASM, metric="roc_auc")
    data = toy_table(80, tasks=(task,))
    metrics = plain(score_card(task, guess(task, data), data))["metrics"]
    assert {name for name, facts in metrics.items() if "low" in facts} == {"macro_f1", "accuracy", "roc_auc"}
    assert metrics["roc_auc"]["low"] < metrics["roc_auc"]["value"] < metrics["roc_auc"]["high"]


def test_the_interval_is_over_groups_of_copies() -> None:
    data = toy_table(200)
    predictions = guess(SENTIMENT, data)
    right = predictions.labels() == data.labels(SENTIMENT)
    copies = data.with_columns(group=right.astype(int))  # all hits copy one post, all misses another
    alone, grouped = (score_card(SENTIMENT, predictions, table)["metrics"]["accuracy"] for table in (data, copies))
    assert alone["high"] - alone["low"] < 0.2
    assert (grouped["low"], grouped["high"]) == (0.0, 1.0)


def test_rows_are_joined_by_id() -> None:
    data = toy_table(50)
    predictions = guess(SENTIMENT, data)
    turned = predictions.take(data.ids[::-1])
    assert score_card(SENTIMENT, turned, data) == score_card(SENTIMENT, predictions, data)


def test_rows_without_label_are_not_counted() -> None:
    data = toy_table(60, test_rows=20)
    predictions = guess(SENTIMENT, data)
    card = score_card(SENTIMENT, predictions, data)
    alone = score_card(SENTIMENT, predictions, data.take(np.arange(60)))
    assert card["rows"] == 60
    assert card["confusion"] == alone["confusion"]
    assert card["metrics"]["log_loss"] == alone["metrics"]["log_loss"]


def test_without_any_label_there_is_only_the_number_of_rows() -> None:
    data = toy_table(10).without_labels()
    assert score_card(SENTIMENT, guess(SENTIMENT, data), data) == {"rows": 0}


def test_folds_have_a_value_each_and_their_mean() -> None:
    data = toy_table(60)
    predictions, fold = guess(SENTIMENT, data), np.arange(60) % 3
    folds = score_card(SENTIMENT, predictions, data, fold)["folds"]
    labels, predicted = data.labels(SENTIMENT), predictions.labels()
    expected = [f1_score(labels[fold == k], predicted[fold == k], average="macro") for k in range(3)]
    assert folds["values"] == pytest.approx(expected)
    assert folds["mean"] == pytest.approx(np.mean(expected))
    assert folds["std"] == pytest.approx(np.std(expected, ddof=1))
    right = [np.mean(labels[fold == k] == predicted[fold == k]) for k in range(3)]
    assert set(folds["metrics"]) == set(METRICS)
    assert folds["metrics"]["accuracy"] == pytest.approx({"mean": np.mean(right), "std": np.std(right, ddof=1)})
    assert folds["metrics"]["macro_f1"] == {"mean": folds["mean"], "std": folds["std"]}


def test_a_class_that_never_occurs_is_shown_with_zeros() -> None:
    data = toy_table(20)
    data = with_labels(data, SENTIMENT, ["negative"] * 20)
    values = np.tile([0.8, 0.1, 0.1], (20, 1))
    card = plain(score_card(SENTIMENT, Predictions(SENTIMENT, data.ids, values), data))
    assert card["classes"]["positive"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    assert card["metrics"]["macro_f1"]["value"] == 1.0
    assert card["metrics"]["roc_auc"]["value"] is None


def test_a_judging_metric_that_does_not_exist_is_null() -> None:
    task = replace(SARCASM, metric="roc_auc")
    data = with_labels(toy_table(30, tasks=(task,)), task, ["0"] * 30)
    card = plain(score_card(task, guess(task, data), data, np.arange(30) % 3))
    assert card["metrics"]["roc_auc"] == {"value": None, "low": None, "high": None}
    assert card["folds"].pop("metrics")["roc_auc"] == {"mean": None, "std": None}
    assert card["folds"] == {"values": [None] * 3, "mean": None, "std": None}


def test_a_fold_without_a_score_is_null_and_not_in_the_mean() -> None:
    data, fold = toy_table(30), np.arange(30) % 3
    labels = [None if k == 0 else label for k, label in zip(fold, data.frame["sentiment"], strict=True)]
    folds = plain(score_card(SENTIMENT, guess(SENTIMENT, data), with_labels(data, SENTIMENT, labels), fold))["folds"]
    assert folds["values"][0] is None
    assert folds["mean"] == pytest.approx(np.mean(folds["values"][1:]))


def test_few_labels_among_many_rows_are_scored() -> None:
    data = toy_table(100)
    data = with_labels(data, SENTIMENT, ["negative", "neutral", "positive", *[None] * 97])
    card = plain(score_card(SENTIMENT, guess(SENTIMENT, data), data))
    assert card["rows"] == 3
    assert card["metrics"]["accuracy"]["low"] <= card["metrics"]["accuracy"]["high"]


def test_each_seed_alone_has_its_score_beside_the_one_of_their_mean() -> None:
    data = toy_table(60)
    alone = [guess(SENTIMENT, data, seed) for seed in range(3)]
    whole = mean(alone)
    turned = [alone[0], alone[1].take(data.ids[::-1]), alone[2]]
    seeds = plain(score_card(SENTIMENT, whole, data, seeds=turned))["seeds"]
    expected = [score_card(SENTIMENT, one, data)["metrics"]["macro_f1"]["value"] for one in alone]
    assert seeds["values"] == pytest.approx(expected)
    assert seeds["mean"] == pytest.approx(np.mean(expected)) and seeds["std"] == pytest.approx(np.std(expected, ddof=1))
    assert "seeds" not in score_card(SENTIMENT, whole, data, seeds=alone[:1]), "one seed says nothing of seeds"
    assert score_card(SENTIMENT, whole, data.without_labels(), seeds=alone) == {"rows": 0}
