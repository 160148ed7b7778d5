"""How differently learners err."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.world import meta_table, table_of

from meta.diversity import correlation, diversity, errors, is_right, q_statistic


def test_errors_are_what_the_true_class_lacks_on_rows_with_a_label() -> None:
    values = np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    table = table_of(np.array([0, -1, 2]), {"a": values, "b": values[::-1]})
    np.testing.assert_allclose(errors(table), [[0.3, 0.9], [0.9, 0.9]])
    np.testing.assert_array_equal(is_right(table), [[True, False], [False, False]])


@given(st.integers(0, 10**6), st.integers(2, 40))
def test_correlations_are_those_of_numpy(seed: int, rows: int) -> None:
    columns = np.random.default_rng(seed).random((rows, 4))
    np.testing.assert_allclose(correlation(columns), np.corrcoef(columns, rowvar=False), atol=1e-9)


@given(st.integers(0, 10**6), st.integers(0, 30))
def test_q_is_that_of_the_two_by_two_table(seed: int, rows: int) -> None:
    right = np.random.default_rng(seed).random((rows, 3)) < 0.6
    found = q_statistic(right)
    for i in range(3):
        for j in range(3):
            a, b = right[:, i], right[:, j]
            agree, differ = (a & b).sum() * (~a & ~b).sum(), (a & ~b).sum() * (~a & b).sum()
            expected = (agree - differ) / (agree + differ) if agree + differ else np.nan
            assert found[i, j] == pytest.approx(expected, nan_ok=True)


def test_learners_that_err_alike_have_q_of_one_and_complements_minus_one() -> None:
    right = np.array([[True, True, False], [True, True, False], [False, False, True]])
    np.testing.assert_array_equal(q_statistic(right), [[1, 1, -1], [1, 1, -1], [-1, -1, 1]])


def test_what_is_undefined_is_null_and_the_rest_is_plain_json() -> None:
    table = meta_table()
    constant = table_of(table.labels, {"a": table.oof[:, :3], "even": np.full((240, 3), 1 / 3)})
    found = diversity(constant)
    assert found["learners"] == ["a", "even"]
    assert found["error_correlation"] == [[pytest.approx(1), None], [None, None]]
    assert found == json.loads(json.dumps(found, allow_nan=False))


def test_without_labels_nothing_is_defined() -> None:
    found = diversity(table_of(np.full(5, -1), {"a": np.full((5, 2), 0.5), "b": np.full((5, 2), 0.5)}))
    assert found["error_correlation"] == found["q_statistic"] == [[None, None], [None, None]]
