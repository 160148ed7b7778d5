"""Texts in unknown encodings: judged over all there is, and said where it had to be."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.content.encodings import decode, decode_all, read_bytes
from ensemble.errors import DataError

words = st.text(st.characters(exclude_categories=["Cs"]))
POSTS = {
    "cp1252": "I don\u2019t know what \u201clovely\u201d means \u2013 really\u2026 un caf\u00e9 tr\u00e8s bon",
    "cp1250": "Zażółć gęślą jaźń, dziękuję bardzo, jesteś świetny, łódź",
    "cp1251": "Сегодня очень хороший день, я люблю эту картинку и своих друзей",
    "koi8_r": "Сегодня очень хороший день, я люблю эту картинку и своих друзей",
    "cp1256": "هذا اليوم جميل جدا وانا احب هذه الصورة",
    "cp1253": "Σήμερα είναι μια πολύ ωραία μέρα",
    "cp1254": "Bugün çok güzel bir gün, şarkı söylüyorum, Iğdır'da",  # noqa: RUF001
    "cp1255": "היום יום יפה מאוד ואני אוהב את התמונה",
    "gb18030": "今天天气很好, 我很喜欢这张照片",
    "big5": "今天天氣很好, 我很喜歡這張照片",
    "cp932": "今日はとても良い天気です, 写真が好き",
    "cp949": "오늘은 날씨가 정말 좋아요, 사진",
}


def lines(text: str) -> str:
    """A table of sixty rows, some words of the text in each beside English ones."""
    found = text.split()
    return "\n".join(f"{n},happy {found[n % len(found)]} the {found[3 * n % len(found)]} day" for n in range(60))


@given(words)
def test_utf8_reads_back_as_written(text: str) -> None:
    if not text.startswith("\ufeff") and text.count("\0") * 4 < len(text):
        assert decode(text.encode()) == decode(text.encode("utf-8-sig"))
        assert decode(text.encode()).text == text


@pytest.mark.parametrize("page", sorted(POSTS))
def test_a_table_in_a_code_page_is_read_in_it_and_three_words_are_shown(page: str) -> None:
    text = lines(POSTS[page])
    found = decode(text.encode(page))
    assert found.text == text and found.encoding == page
    (note,) = found.notes
    telling = [word.strip(",.") for word in POSTS[page].split() if not word.isascii()]
    assert f"not UTF-8 and read as {page}" in note and "data.encoding" in note
    assert sum(word in note for word in telling) >= min(3, len(telling))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_tells_the_encoding_and_is_no_part_of_the_text(encoding: str) -> None:
    found = decode("id,text\n1,caf\u00e9 好\n".encode(encoding))
    assert found.text == "id,text\n1,caf\u00e9 好\n" and found.notes == ()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_told_by_its_zero_bytes(encoding: str) -> None:
    assert decode("id,text\n1,caf\u00e9\n".encode(encoding)).text == "id,text\n1,caf\u00e9\n"


def test_one_curly_apostrophe_in_english_makes_no_chinese() -> None:
    assert decode(b"id,text\n1,I don\x92t know\n").text == "id,text\n1,I don\u2019t know\n"


def test_utf8_with_stray_bytes_stays_utf8_and_the_line_is_named() -> None:
    raw = ("caf\u00e9 d\u00e9j\u00e0 vu\n" * 5).encode() + b"cut \xe2\x80\n"
    found = decode(raw)
    assert found.encoding == "utf-8" and found.text.startswith("caf\u00e9")
    assert "line 6" in found.notes[0] and "\ufffd" in found.text


def test_one_damaged_post_does_not_change_the_encoding_of_the_others() -> None:
    raw = lines(POSTS["gb18030"]).encode("gb18030") + b"\n61,cut \xff\xff\n"
    found = decode(raw)
    assert found.encoding == "gb18030" and "line 61" in found.notes[1]


def test_a_named_encoding_is_taken_at_its_word() -> None:
    assert decode(b"caf\x82", "cp850").text == "caf\u00e9"
    with pytest.raises(DataError, match="line 2 is not ascii"):
        decode(b"a\ncaf\xe9", "ascii")
    with pytest.raises(DataError, match="no encoding is called 'cp99999'"):
        decode(b"a", "cp99999")


def test_texts_of_one_source_are_judged_together() -> None:
    texts = [line for line in lines(POSTS["koi8_r"]).split("\n")]
    found, encodings, notes = decode_all([text.encode("koi8_r") for text in texts] + [b"ok", None])
    assert found == [*texts, "ok", None] and encodings[-2:] == ["utf-8", "missing"]
    assert notes[0].startswith("60 texts are not UTF-8 and read as koi8_r")


def test_few_texts_are_in_the_usual_encoding_of_their_source() -> None:
    found, encodings, notes = decode_all(["好".encode("gb18030"), b"caf\xe9"], usual="gb18030")
    assert (found, encodings, notes) == (["好", None], ["gb18030", "unreadable"], ())


def test_many_texts_say_when_they_are_not_in_the_usual_one() -> None:
    raws = [line.encode("cp1252") for line in lines(POSTS["cp1252"]).split("\n")]
    assert decode_all(raws, usual="gb18030")[0] == lines(POSTS["cp1252"]).split("\n")


def test_a_file_that_is_not_there_has_no_bytes(tmp_path: Path) -> None:
    assert read_bytes(tmp_path / "1.txt") is None and read_bytes(tmp_path) is None
