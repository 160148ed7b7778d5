"""Probabilities: refused unless they are ones, joined by id, equal after the disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.world import SARCASM, SENTIMENT

from ensemble.errors import PredictionsError, StoreError
from ensemble.predictions import Predictions, concatenate, mean


def predictions(rows: int = 4, seed: int = 0, prefix: str = "p") -> Predictions:
    values = np.random.default_rng(seed).dirichlet(np.ones(3), rows)
    return Predictions(SENTIMENT, np.array([f"{prefix}{row}" for row in range(rows)], dtype=object), values)


def of(*rows: list[float]) -> Predictions:
    return Predictions(SENTIMENT, np.array([f"p{row}" for row in range(len(rows))], dtype=object), np.array(rows))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, np.nan, 0.5], "are not finite in 1 rows; row 'p1' has 0.5, nan, 0.5"),
        ([np.inf, 0.0, 0.0], "are not finite"),
        ([1.2, -0.2, 0.0], "are negative in 1 rows; row 'p1' has 1.2, -0.2, 0"),
        ([0.2, 0.2, 0.2], "do not sum to one in 1 rows; row 'p1' has 0.2, 0.2, 0.2"),
    ],
)
def test_what_is_no_probability_is_refused_with_its_row(row: list[float], message: str) -> None:
    with pytest.raises(PredictionsError, match=f"Probabilities for 'sentiment' {message}"):
        of([1.0, 0.0, 0.0], row)


def test_a_wrong_number_of_columns_or_rows_is_refused() -> None:
    with pytest.raises(PredictionsError, match=r"must have shape \(1, 3\) \(rows, classes\), got \(1, 2\)"):
        of([0.5, 0.5])
    with pytest.raises(PredictionsError, match=r"must have shape \(1, 3\)"):
        Predictions(SENTIMENT, np.array(["a"], dtype=object), np.full((2, 3), 1 / 3))


def test_repeated_ids_are_refused() -> None:
    with pytest.raises(PredictionsError, match="ids appear more than once: 'a'"):
        Predictions(SENTIMENT, np.array(["a", "b", "a"], dtype=object), np.full((3, 3), 1 / 3))


def test_no_rows_are_fine() -> None:
    assert Predictions(SENTIMENT, np.array([], dtype=object), np.zeros((0, 3))).labels().shape == (0,)


@settings(max_examples=50)
@given(st.permutations(range(8)), st.integers(0, 8))
def test_take_joins_by_id_in_any_order(order: list[int], count: int) -> None:
    every = predictions(8)
    chosen = order[:count]
    taken = every.take([f"p{row}" for row in chosen])
    assert taken.ids.tolist() == [f"p{row}" for row in chosen]
    np.testing.assert_array_equal(taken.values, every.values[chosen])


def test_take_names_the_ids_that_are_not_there() -> None:
    with pytest.raises(PredictionsError, match="lack 2 rows: 'x', 'y'"):
        predictions().take(["p1", "x", "y"])


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(names, unique=True, max_size=12), st.integers(0, 10**6))
def test_parquet_gives_back_ids_and_probabilities(tmp_path: Path, ids: list[str], seed: int) -> None:
    values = np.random.default_rng(seed).dirichlet(np.full(3, 0.3), len(ids))
    written = Predictions(SENTIMENT, np.array(ids, dtype=object), values)
    written.write(tmp_path / "p.parquet", {"data": "d", "folds": "f"})
    read = Predictions.read(tmp_path / "p.parquet", SENTIMENT)
    assert read.ids.tolist() == ids
    np.testing.assert_array_equal(read.values, values)


def test_the_file_knows_its_task_classes_and_fingerprints(tmp_path: Path) -> None:
    predictions().write(tmp_path / "p.parquet", {"data": "d1", "folds": "f1"})
    metadata = pq.read_schema(tmp_path / "p.parquet").metadata
    assert metadata == {
        b"task": b"sentiment",
        b"classes": b"negative\x1fneutral\x1fpositive",
        b"data": b"d1",
        b"folds": b"f1",
    }


def test_a_file_of_another_task_is_refused(tmp_path: Path) -> None:
    predictions().write(tmp_path / "p.parquet", {})
    with pytest.raises(PredictionsError, match=r"p\.parquet has columns .* it must have \['id', '0', '1'\]"):
        Predictions.read(tmp_path / "p.parquet", SARCASM)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    predictions().write(tmp_path / "p.parquet", {})
    raw = (tmp_path / "p.parquet").read_bytes()
    (tmp_path / "p.parquet").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(StoreError, match=r"p\.parquet is damaged"):
        Predictions.read(tmp_path / "p.parquet", SENTIMENT)


def test_a_frame_may_have_its_columns_in_any_order() -> None:
    frame = pd.DataFrame({"positive": [0.2], "x": ["-"], "negative": [0.5], "id": [7], "neutral": [0.3]})
    read = Predictions.of_frame(SENTIMENT, frame)
    assert read.ids.tolist() == ["7"]
    assert read.values.tolist() == [[0.5, 0.3, 0.2]]


def test_a_frame_of_strings_is_read_as_numbers() -> None:
    frame = pd.DataFrame({"id": ["a"], "negative": ["0.5"], "neutral": ["5e-1"], "positive": ["0"]})
    assert Predictions.of_frame(SENTIMENT, frame).values.tolist() == [[0.5, 0.5, 0.0]]


@pytest.mark.parametrize("value", ["high", "", None])
def test_a_frame_with_what_is_no_number_is_refused(value: str | None) -> None:
    frame = pd.DataFrame({"id": ["a"], "negative": [value], "neutral": ["0.5"], "positive": ["0.5"]})
    with pytest.raises(PredictionsError, match=r"Probabilities for 'sentiment' (must be numbers|are not finite)"):
        Predictions.of_frame(SENTIMENT, frame)


def test_the_mean_joins_by_id() -> None:
    one = predictions()
    turned = one.take(one.ids[::-1])
    np.testing.assert_allclose(mean([one, turned]).values, one.values)
    other = predictions(seed=1)
    np.testing.assert_allclose(mean([one, other]).values, (one.values + other.values) / 2)


def test_the_mean_refuses_other_rows() -> None:
    with pytest.raises(PredictionsError, match="lack 4 rows"):
        mean([predictions(), predictions(prefix="q")])


def test_concatenate_joins_disjoint_rows_and_refuses_shared_ones() -> None:
    joined = concatenate([predictions(), predictions(2, prefix="q")])
    assert joined.ids.tolist() == ["p0", "p1", "p2", "p3", "q0", "q1"]
    with pytest.raises(PredictionsError, match="more than once"):
        concatenate([predictions(), predictions(1)])


def test_labels_are_the_most_probable_classes() -> None:
    assert of([0.1, 0.2, 0.7], [0.5, 0.3, 0.2]).labels().tolist() == [2, 0]
