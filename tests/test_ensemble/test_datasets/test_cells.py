"""Cells: one value each, in one form, or one line that says what they hold."""

import datetime
import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.datasets.cells import ids, one_of, strings, translate
from ensemble.errors import DataError

HERE = Path("posts.parquet")


def column(*cells: object) -> "pd.Series[str]":
    return pd.Series(list(cells), dtype=object, name="label")


def test_every_kind_of_missing_value_is_missing() -> None:
    cells = column(None, pd.NA, pd.NaT, float("nan"), np.float32("nan"), decimal.Decimal("nan"), "", "  ", [])
    assert [value is None for value in strings(cells)] == [True] * 9


def test_values_become_what_one_would_write() -> None:
    cells = column(True, 3, np.int64(4), 5.0, np.float32(6), decimal.Decimal("7.0"), " x ", datetime.date(2020, 1, 2))
    assert strings(cells).tolist() == ["True", "3", "4", "5", "6", "7", "x", "2020-01-02"]


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=[]), max_size=8), max_size=6))
def test_texts_read_together_are_the_texts_read_one_by_one(texts: list[str | None]) -> None:
    together = strings(column(*texts))
    assert together.tolist() == strings(column(*texts, 1)).tolist()[:-1]  # a number, so that each cell is looked at


def test_a_list_of_one_is_that_one() -> None:
    assert strings(column(["a"], ("b",), np.array(["c"]), [["d"]])).tolist() == ["a", "b", "c", "d"]


def test_bytes_are_decoded_together() -> None:
    assert strings(column("café".encode(), memoryview(b"tea"))).tolist() == ["café", "tea"]
    texts = ["я люблю картинку", "хороший день", "и своих друзей сегодня"]
    found = strings(column(*(text.encode("cp1251") for text in texts)))
    assert found.tolist() == texts and "cp1251" in found.attrs["notes"][0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (["a", "b"], "a list of 2 values"),
        (np.zeros(3), "a list of 3 values"),
        ({"a": 1, "b": 2}, "an object with the keys 'a', 'b'"),
        ({"bytes": b"\xff\xd8" * 9999, "path": "x"}, "an embedded image"),
        (b"\x00\xff\xfe\x81" * 9999, "39,996 bytes that are no text"),
        ({1, 2}, "a set"),
        ({str(n) * 999: n for n in range(99)}, "an object with the keys"),
        (list(range(99999)), "a list of 99,999 values"),
    ],
)
def test_a_cell_of_no_single_value_is_refused_in_one_short_line(cell: object, words: str) -> None:
    with pytest.raises(DataError) as refused:
        strings(column("a", cell), HERE)
    said = str(refused.value)
    assert said.startswith("posts.parquet: row 2: 'label' holds ") and words in said and len(said) <= 300


def test_whole_numbers_composed_letters_and_their_like_are_one_label() -> None:
    table = pd.DataFrame({"label": column("1.0", "1", 1, 1.0, "-2.00", "ne\u0301gatif", None, "")})
    known = {"1": "1", "-2": "-2", "n\u00e9gatif": "n\u00e9gatif"}
    found = translate(table, "label", known, HERE)
    assert found.tolist()[:6] == ["1", "1", "1", "1", "-2", "n\u00e9gatif"] and found.isna().tolist()[6:] == [True] * 2
    assert found.attrs["notes"][0].startswith("label: read '1.0' as '1', '-2.00' as '-2'")


def test_an_unknown_label_is_named_with_its_line() -> None:
    table = pd.DataFrame({"id": ["a", "b"], "label": ["up", "UP"]}, index=pd.Index([2, 5], name="line"))
    with pytest.raises(DataError, match=r"row 'b' has label 'UP'; it must be one of \['up'\] \(line 5\)"):
        translate(table, "label", {"up": "up"}, HERE)


@pytest.mark.parametrize(("cell", "value"), [("9.17791E+17", "9.17791E[+]17"), (9.17791044158185e17, "9.177")])
def test_ids_that_have_lost_digits_are_refused(cell: object, value: str) -> None:
    with pytest.raises(DataError, match=f"row 2 has label {value}.*, a rounded number; store ids as text"):
        ids(column("1", cell), HERE)


def test_repeated_ids_are_refused_with_their_places() -> None:
    with pytest.raises(DataError, match=r"1 ids appear more than once: 'a' \(row 1, row 3\)"):
        ids(column("a", "b", "a"), HERE)


def test_of_several_labels_the_first_or_the_majoritys_is_taken() -> None:
    assert one_of([4, 1, 3], "first") == 4
    assert one_of(np.array([4, 1, 4]), "majority") == "4"
    assert one_of([4, 1, 3], "majority") is None
    assert one_of([4, 1], "single") == [4, 1] and one_of("4", "first") == "4"
