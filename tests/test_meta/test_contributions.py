"""Contributions: positive is good, copies are said to be redundant, modalities are players."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.world import Floats, meta_table, skilled, table_of

from ensemble.data import Codes, Task
from ensemble.metrics import METRICS, bootstrap, interval, score
from meta import contributions as module
from meta.contributions import contributions
from meta.table import MetaTable


def labels_and_learners(seed: int = 0, rows: int = 300, **skills: float) -> tuple[Codes, dict[str, Floats]]:
    random = np.random.default_rng(seed)
    labels = random.choice(3, size=rows, p=[0.5, 0.3, 0.2])
    difficulty = 0.3 * random.normal(size=(rows, 3))
    return labels, {name: skilled(random, labels, 3, skill, difficulty) for name, skill in skills.items()}


def with_metric(metric: str, table: MetaTable) -> MetaTable:
    task = Task(table.task.name, table.task.classes, metric)
    return MetaTable(**{**vars(table), "task": task})


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy", "log_loss", "roc_auc"])
def test_leave_one_out_is_the_paired_difference_of_plain_means(metric: str) -> None:
    table = with_metric(metric, meta_table())
    whole = table.oof.reshape(240, 3, 3)
    means = {"all": whole.mean(axis=1), "without b": whole[:, [0, 2]].mean(axis=1)}
    values = {name: score(METRICS[metric], table.labels, mean) for name, mean in means.items()}
    draws = {name: bootstrap(METRICS[metric], table.labels, mean, table.groups) for name, mean in means.items()}
    sign = METRICS[metric].sign
    low, high = interval(sign * (draws["all"] - draws["without b"]))
    expected = {"value": sign * (values["all"] - values["without b"]), "low": low, "high": high}
    found = contributions(table, {})["learners"]["b"]["leave_one_out"]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("metric", ["macro_f1", "log_loss"])
@given(seed=st.integers(0, 10**6))
def test_shapley_values_sum_to_what_all_gain_over_class_frequencies(metric: str, seed: int) -> None:
    table = with_metric(metric, meta_table(60, seed))
    frequencies = np.tile(np.bincount(table.labels, minlength=3) / 60, (60, 1))
    mean = table.oof.reshape(60, 3, 3).mean(axis=1)
    gain = score(METRICS[metric], table.labels, mean) - score(METRICS[metric], table.labels, frequencies)
    found = contributions(table, {"a": "text", "b": "image"})
    for of in ("learners", "modalities"):
        total = sum(entry["shapley"]["value"] for entry in found[of].values())
        assert total == pytest.approx(METRICS[metric].sign * gain)


def test_where_smaller_is_better_a_good_learner_still_contributes_more_than_none() -> None:
    labels, learners = labels_and_learners(good=2.0, bad=0.0)
    found = contributions(with_metric("log_loss", table_of(labels, learners)), {})["learners"]
    assert found["good"]["shapley"]["low"] > 0 > found["bad"]["leave_one_out"]["high"]
    assert not found["good"]["adds_nothing"] and found["bad"]["adds_nothing"]


def test_a_duplicate_of_a_learner_is_redundant_and_the_original_is_not() -> None:
    labels, learners = labels_and_learners(a=1.5, b=1.0, c=1.0)
    found = contributions(table_of(labels, {**learners, "copy": learners["a"].copy()}), {})["learners"]
    assert {name: entry["redundant_with"] for name, entry in found.items()} == {
        "a": None,
        "b": None,
        "c": None,
        "copy": "a",
    }


def test_of_two_near_copies_the_worse_one_is_redundant() -> None:
    labels, learners = labels_and_learners(a=1.5, b=1.0)
    worse = 0.97 * learners["a"] + 0.03 * np.eye(3)[(labels + 1) % 3]
    worse[::20] = np.eye(3)[(labels[::20] + 1) % 3] * 0.04 + worse[::20] * 0.96
    found = contributions(with_metric("log_loss", table_of(labels, {"worse": worse, **learners})), {})["learners"]
    assert found["worse"]["redundant_with"] == "a" and found["a"]["redundant_with"] is None


def test_copies_of_a_copy_are_redundant_with_one_that_is_kept() -> None:
    labels, learners = labels_and_learners(a=1.5)
    found = contributions(table_of(labels, {"a": learners["a"], "b": learners["a"], "c": learners["a"]}), {})
    assert [entry["redundant_with"] for entry in found["learners"].values()] == [None, "a", "a"]


def test_weak_learners_that_share_the_class_frequencies_alone_are_not_redundant(random: np.random.Generator) -> None:
    labels = random.choice(2, size=500, p=[0.9, 0.1])
    noisy = 0.9 + random.uniform(-0.02, 0.02, size=(500, 2))
    learners = {name: np.column_stack([p, 1 - p]) for name, p in zip("ab", noisy.T, strict=True)}
    found = contributions(table_of(labels, learners), {})["learners"]
    assert [entry["redundant_with"] for entry in found.values()] == [None, None]


def test_learners_of_a_modality_are_one_player() -> None:
    labels, learners = labels_and_learners(words=1.5, characters=1.5, pixels=0.5, theirs=0.5)
    kinds = {"words": "text", "characters": "text", "pixels": "image"}
    found = contributions(table_of(labels, learners), kinds)["modalities"]
    assert set(found) == {"text", "image", "unknown"}
    assert found["text"]["shapley"]["value"] > max(found[kind]["shapley"]["value"] for kind in ("image", "unknown"))


def test_a_learner_alone_contributes_all_there_is() -> None:
    labels, learners = labels_and_learners(only=1.5)
    found = contributions(table_of(labels, learners), {})["learners"]["only"]
    assert found["leave_one_out"] == pytest.approx(found["shapley"]) and found["redundant_with"] is None
    assert found["leave_one_out"]["low"] > 0


def test_rows_without_a_label_play_no_part_in_the_value() -> None:
    labels, learners = labels_and_learners(a=1.5, b=1.0)
    known = np.arange(300) % 3 > 0
    masked = contributions(table_of(np.where(known, labels, -1), learners), {})["learners"]
    only = contributions(table_of(labels[known], {n: v[known] for n, v in learners.items()}), {})["learners"]
    for name in learners:
        assert masked[name]["shapley"]["value"] == pytest.approx(only[name]["shapley"]["value"])


def test_without_any_label_there_are_no_values_but_an_answer() -> None:
    found = contributions(table_of(np.full(20, -1), labels_and_learners(rows=20, a=1.0, b=1.0)[1]), {})
    assert found["learners"]["a"]["shapley"] == {"value": None, "low": None, "high": None}
    assert found["learners"]["a"]["adds_nothing"]


def test_many_learners_are_sampled_with_fewer_draws_and_the_result_says_so() -> None:
    labels, learners = labels_and_learners(rows=60, **{f"l{n}": 1.0 for n in range(12)})
    few, many = (contributions(table_of(labels, dict(list(learners.items())[:n])), {}) for n in (3, 12))
    assert (few["draws"], few["subsets"]) == (1000, 8)
    assert many["draws"] == 200 and 1000 < many["subsets"] < 2**12
    assert many == json.loads(json.dumps(many, allow_nan=False))
    assert many == contributions(table_of(labels, learners), {})


@pytest.mark.parametrize("metric", ["macro_f1", "accuracy"])
def test_weights_in_pieces_give_the_same_bits(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = with_metric(metric, meta_table())
    whole = contributions(table, {})
    monkeypatch.setattr(module, "PIECE", 17_000)
    assert contributions(table, {}) == whole and "sampled" not in whole


def test_of_many_rows_an_even_share_of_each_class_counts_and_the_result_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels, learners = labels_and_learners(rows=3000, a=1.5, b=1.0)
    labels[:1000] = -1  # unknown
    table = table_of(labels, learners)
    whole = contributions(table, {})
    monkeypatch.setattr(module, "MANY", 1000)
    counted = module.PlainMean(table, 100).labels
    assert np.abs(np.bincount(counted) / 1000 - np.bincount(labels[1000:]) / 2000).max() < 0.002
    some = contributions(table, {})
    assert some["sampled"] == {"rows": 1000, "of": 2000} and "sampled" not in whole
    for name in learners:
        known, found = (of["learners"][name]["shapley"] for of in (whole, some))
        assert found["low"] < known["value"] < found["high"]
