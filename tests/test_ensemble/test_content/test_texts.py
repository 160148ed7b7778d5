"""What two copies of one text share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.content.texts import normalise

words = st.text(st.characters(exclude_categories=["Cs"]))


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
