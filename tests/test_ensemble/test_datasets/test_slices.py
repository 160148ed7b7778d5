"""Columns by which scores are told apart: kept as they are written, of no weight in folds and results."""

from pathlib import Path

import numpy as np
import pytest
from support.world import toy_table

from ensemble.data import Dataset, slice_column
from ensemble.datasets import csv
from ensemble.datasets.slices import keep_slices, slice_cells
from ensemble.errors import DataError
from ensemble.folds import FoldSettings, make_plan

TABLE = """id,text,mood,platform,year
1,what a lovely morning it was today,good,x,2020.0
2,quelle belle matin\u00e9e nous avons eue aujourd'hui,good,,2021
3,,bad,y,2020
"""


def read(folder: Path, *slices: str, table: str = TABLE) -> Dataset:
    (folder / "posts.csv").write_text(table)
    (folder / "test.csv").write_text("id,text\n9,something else\n")
    made = csv.read(folder, "posts.csv", {"mood": ["bad", "good"]}, "test.csv", text="text", slices=slices)
    return keep_slices(made, slices)


def test_named_columns_are_kept_as_they_are_written_and_test_rows_need_none(tmp_path: Path) -> None:
    data = read(tmp_path, "platform", "year", "platform")
    assert data.slices == ("platform", "year")
    assert slice_cells(data) == {"platform": ["x", None, "y", None], "year": ["2020", "2021", "2020", None]}
    assert slice_cells(data.take([2])) == {"platform": ["y"], "year": ["2020"]}


def test_the_language_is_told_from_the_texts_unless_there_is_such_a_column(tmp_path: Path) -> None:
    assert slice_cells(read(tmp_path, "language"))["language"][:3] == ["en", "fr", None]
    data = read(tmp_path, "language", table=TABLE.replace("platform", "language"))
    assert slice_cells(data)["language"][:3] == ["x", None, "y"]


def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"posts\.csv: Unknown column 'plattform'. Did you mean 'platform'"):
        read(tmp_path, "plattform")
    with pytest.raises(DataError, match=r"data\.slices: Unknown column 'platform'"):
        keep_slices(toy_table(5), ["platform"])


def test_of_other_layouts_any_column_of_their_frame_may_be_named() -> None:
    data = toy_table(4).with_columns(speaker=["a", "b", None, "a"])
    assert slice_cells(keep_slices(data, ["speaker"])) == {"speaker": ["a", "b", None, "a"]}
    assert keep_slices(data, []) is data and not slice_cells(data)


def test_folds_and_fingerprints_are_those_without_them(tmp_path: Path) -> None:
    without, having = read(tmp_path), read(tmp_path, "platform")
    assert {*having.frame} == {*without.frame, slice_column("platform")}
    table = toy_table(30)
    plain, sliced = (
        make_plan(data, np.arange(30), FoldSettings(k=3))
        for data in (table, keep_slices(table.with_columns(place=["x", "y"] * 15), ["place"]))
    )
    assert plain.frame.equals(sliced.frame) and plain.fingerprint() == sliced.fingerprint()
