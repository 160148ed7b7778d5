"""Files that are whole or not there."""

import errno
import os
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.errors import StoreError
from ensemble.system.files import (
    check_writable,
    fingerprint,
    read_json,
    read_table,
    write_atomic,
    write_json,
    write_table,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
few = settings(max_examples=50, deadline=None)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a" / "b" / "c.txt", b"hello")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"hello"
    assert os.listdir(tmp_path / "a" / "b") == ["c.txt"]


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path, full_disk: None) -> None:
    (tmp_path / "c.txt").write_bytes(b"old")
    with pytest.raises(StoreError, match=r"The disk is full: .*c\.txt \(11 bytes\) was not written\. Make space"):
        write_atomic(tmp_path / "c.txt", b"new content")
    assert os.listdir(tmp_path) == ["c.txt"]
    assert (tmp_path / "c.txt").read_bytes() == b"old"


def test_a_path_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=r"Cannot write .*folder: "):
        write_atomic(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("path", ["file/c.txt", "file/deep/c.txt"])
def test_a_path_below_a_file_is_one_line(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"Cannot write .*c\.txt: "):
        write_atomic(tmp_path / path, b"x")


def test_json_reads_back(tmp_path: Path) -> None:
    value = {"name": "好", "list": [1, 2.5, None], "nested": {"a": True}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    assert "好" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("raw", [b"", b'{"a": 1', b"\xff\xfe", b"[1, 2]"])
def test_damaged_json_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "a.json").write_bytes(raw)
    with pytest.raises(StoreError, match=r"a\.json is damaged: .*Delete it and run the command again"):
        read_json(tmp_path / "a.json")


def test_a_table_reads_back_and_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "x": [0.5, None]})
    write_table(tmp_path / "a.parquet", table)
    write_table(tmp_path / "b.parquet", pa.table(table.to_pydict()))
    assert read_table(tmp_path / "a.parquet").equals(table)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize("kept", [0, 4, 0.5, 0.99])
def test_a_truncated_table_is_refused(tmp_path: Path, kept: float) -> None:
    write_table(tmp_path / "a.parquet", pa.table({"id": ["a", "b"]}))
    raw = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(raw[: int(kept if kept >= 1 else kept * len(raw))])
    with pytest.raises(StoreError, match=r"a\.parquet is damaged: it is not a complete Parquet file"):
        read_table(tmp_path / "a.parquet")


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"a\.parquet does not exist"):
        read_table(tmp_path / "a.parquet")


@few
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_the_fingerprint_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


@few
@given(json_values, json_values)
def test_different_values_have_different_fingerprints(one: object, other: object) -> None:
    if repr(one) != repr(other) and one != other:
        assert fingerprint(one) != fingerprint(other)
    assert len(fingerprint(one)) == 32


def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"it is a folder; name a file in it"):
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Cannot write"):
        check_writable(tmp_path / "file" / "answers.csv")
    check_writable(tmp_path / "new" / "answers.csv")
    assert list((tmp_path / "new").iterdir()) == []
