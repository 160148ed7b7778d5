"""What is asked for again with equal contents is computed once; anything else is computed anew."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ensemble.system.remembered import remembered

Array = npt.NDArray[Any]


def counted(most: int = 100) -> tuple[list[Array], Callable[..., float]]:
    calls: list[Array] = []

    def total(values: Array, times: int = 1) -> float:
        calls.append(values)
        return float(values.sum() * times)

    return calls, remembered(total, most)


def test_equal_contents_are_computed_once_whatever_array_holds_them() -> None:
    calls, total = counted()
    values = np.arange(6.0).reshape(2, 3)
    assert total(values) == total(values.copy()) == total(np.asfortranarray(values)) == 15
    assert len(calls) == 1


@given(*[arrays(st.sampled_from([np.int64, np.float64, np.int32]), st.sampled_from([(4,), (2, 2)]))] * 2)
def test_other_contents_shapes_and_types_are_others(one: Array, other: Array) -> None:
    calls, total = counted()
    total(one)
    total(other)
    same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    assert len(calls) == (1 if same else 2)


def test_an_array_that_was_changed_is_another_and_so_are_other_arguments() -> None:
    calls, total = counted()
    values = np.ones(3)
    total(values)
    values[0] = 5
    assert total(values) == 7
    assert total(values, times=2) == total(values, times=2) == 14
    assert len(calls) == 3


def test_only_the_latest_are_kept() -> None:
    calls, total = counted(most=2)
    one, two, three = np.ones(1), np.ones(2), np.ones(3)
    for values in (one, two, one, three, one, two):  # two is the oldest when three comes
        total(values)
    assert [len(values) for values in calls] == [1, 2, 3, 2]


def test_an_array_of_objects_is_refused() -> None:
    _, total = counted()
    with pytest.raises(TypeError, match="objects"):
        total(np.array(["a", None], dtype=object))
