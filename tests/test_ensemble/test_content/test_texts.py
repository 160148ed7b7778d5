"""Texts in unknown encodings, and what two copies of one text share."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.content.texts import decode, normalise, read_text

words = st.text(st.characters(exclude_categories=["Cs"]))


@given(words)
def test_utf8_reads_back_as_written(text: str) -> None:
    if not text.startswith("\ufeff"):
        assert decode(text.encode()) == (text, "utf-8")


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    assert decode(b"\xef\xbb\xbfhello") == ("hello", "utf-8")


def test_what_is_not_utf8_is_read_as_gb18030() -> None:
    assert decode("好心情 RT @you".encode("gb18030")) == ("好心情 RT @you", "gb18030")


def test_what_is_neither_has_no_text() -> None:
    assert decode(b"caf\xe9") == (None, "unreadable")
    assert decode(b"\xff\xfe\x00") == (None, "unreadable")


def test_an_empty_file_holds_the_empty_text() -> None:
    assert decode(b"") == ("", "utf-8")


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert read_text(tmp_path / "1.txt") == (None, "missing")
    assert read_text(tmp_path) == (None, "missing")


def test_a_file_is_read_with_its_encoding(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes("好".encode("gb18030"))
    assert read_text(tmp_path / "1.txt") == ("好", "gb18030")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hello  World", "hello world"),
        (" hello\n\tworld ", "hello world"),
        ("hello world https://t.co/abc", "Hello http://t.co/XYZ?q=1 world"),
        ("\uff28ello", "hello"),  # full-width H
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "stra\u00dfe"),
    ],
)
def test_copies_normalise_to_one_text(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize("empty", [None, "", "  \n", "https://t.co/abc"])
def test_nothing_but_space_and_links_normalises_to_nothing(empty: str | None) -> None:
    assert normalise(empty) == ""


def test_different_words_stay_different() -> None:
    assert normalise("not funny") != normalise("funny")


@given(words)
def test_white_space_around_and_case_never_count(text: str) -> None:
    assert normalise(f" {text}\n") == normalise(text)
    assert "  " not in normalise(text)
