"""Tables of lines: no row vanishes, no value moves, and what is assumed is said."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ensemble.datasets.delimited import Dialect, read_delimited
from ensemble.datasets.tables import notes_of, read_frame
from ensemble.errors import ConfigError, DataError

cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text('ab ",;\t\n\r', max_size=8)
rows = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=8))


def written(table: list[list[str]], delimiter: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([[f"c{n}" for n in range(len(table[0]))], *table])
    return buffer.getvalue()


def read(text: str, usual: str = ",", **options: str) -> list[list[str]]:
    dialect = Dialect(**options)  # type: ignore[arg-type]
    return read_delimited(text, usual, dialect)[0].to_numpy().tolist()  # type: ignore[no-any-return]


@given(rows, st.sampled_from([",", "\t"]))
def test_what_a_csv_writer_wrote_is_read_back_row_for_row(table: list[list[str]], delimiter: str) -> None:
    assume([f"c{n}" for n in range(len(table[0]))] not in table)
    assert read(written(table, delimiter), delimiter, delimiter=delimiter, quotes="csv") == table


@given(rows, st.sampled_from([",", "\t"]))
def test_without_a_word_on_quotes_it_is_read_back_or_refused_and_never_else(
    table: list[list[str]], delimiter: str
) -> None:
    assume([f"c{n}" for n in range(len(table[0]))] not in table)
    try:
        found = read(written(table, delimiter), delimiter, delimiter=delimiter)
    except ValueError as error:
        assert "could be a row of its own" in str(error)
        return
    assert found == table


@given(st.lists(st.lists(st.text("ab \"'", max_size=6), min_size=3, max_size=3), min_size=1, max_size=8))
def test_texts_written_as_they_are_between_tabs_are_read_back_with_their_quotes(table: list[list[str]]) -> None:
    text = "a\tb\tc\n" + "".join("\t".join(row) + "\n" for row in table)
    assert read(text, "\t", quotes="literal") == table


def lines_of(begin: str, end: str, sign: str = "\t") -> str:
    posts = [[str(n), "up" if n % 2 else "down", f"words of {n}"] for n in range(12)]
    posts[4][2], posts[7][2] = begin + posts[4][2], posts[7][2] + end
    return "\n".join(sign.join(row) for row in [["id", "label", "text"], *posts]) + "\n"


@pytest.mark.parametrize("sign", ["\t", ","])
def test_a_post_that_begins_with_a_quotation_mark_swallows_no_rows(sign: str) -> None:
    with pytest.raises(ValueError, match=r'lines 6 to 9 are one value .* data\.quotes = "literal"'):
        read(lines_of('"', '"', sign), sign)
    found = read(lines_of('"', '"', sign), sign, quotes="literal")
    assert len(found) == 12 and found[4][2] == '"words of 4' and found[7][2] == 'words of 7"'
    assert len(read(lines_of('"', '"', sign), sign, quotes="csv")) == 9


@pytest.mark.parametrize(("begin", "end"), [('"', ""), ('"say" ', ""), ("", ' and "so" on')])
def test_between_tabs_quotation_marks_no_writer_leaves_are_text_and_that_is_said(begin: str, end: str) -> None:
    frame, notes = read_delimited(lines_of(begin, end), "\t", Dialect())
    assert len(frame) == 12 and frame["text"].iloc[4] == f"{begin}words of 4"
    assert frame["text"].iloc[7] == f"words of 7{end}"
    assert (notes == []) == (begin == "") or "read as text" in notes[0]


def test_values_enclosed_throughout_are_no_quotations() -> None:
    assert read('"id"\t"text"\n"1"\t"a b"\n"2"\t"c d"\n', "\t") == [["1", "a b"], ["2", "c d"]]
    assert read('id\ttext\n1\t"a ""b"" c"\n2\td e\n', "\t") == [["1", 'a "b" c'], ["2", "d e"]]


def test_a_single_quotation_between_tabs_keeps_its_marks() -> None:
    assert read('id\ttext\n1\t"to be"\n2\tc d\n', "\t") == [["1", '"to be"'], ["2", "c d"]]


@pytest.mark.parametrize("order", ["itm", "tmi", "mit", "mti", "imt", "tim"])
def test_texts_of_several_lines_with_commas_are_no_rows(order: str) -> None:
    values = [{"i": f"p{n}", "m": "ab"[n % 2], "t": f'so {n}, "it" is\nmore, lines\nand, or'} for n in range(30)]
    table = [[row[column] for column in order] for row in values]
    table += [[{"i": f"q{n}", "m": "b", "t": f"one {n}"}[column] for column in order] for n in range(30)]
    assert read(written(table, ",")) == table


def test_a_text_of_several_lines_is_one_value() -> None:
    assert read('id,text,mood\n1,"one, two,\nthree, four\nfive",up\n2,six,down\n') == [
        ["1", "one, two,\nthree, four\nfive", "up"],
        ["2", "six", "down"],
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,text\n1,a\n2,b,c\n", "line 3 has 3 values, the header has 2"),
        ("id,text\n1,a\n2\n", "line 3 has 1 values, the header has 2"),
        ('id,text\n1,"a\nb",c\n', "lines 2 to 3 have 3 values"),
        ('id,text\n1,a\n2,"b\n3,c\n', "a quotation mark in line 3 is never closed"),
        ('id,text\n1,a\n2,"b" c\n', "line 3: "),
        ("", "the header must name each column"),
        ("id,a,a,a.1\n1,2,3,4\n", "must name each column once"),
    ],
)
def test_a_row_of_another_shape_is_refused_with_its_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(text)


def test_a_long_text_is_read() -> None:
    assert read("id,text\n1," + "happy " * 50_000 + "\n") == [["1", "happy " * 50_000]]


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_the_delimiter_is_found_and_said(tmp_path: Path, sign: str, name: str) -> None:
    text = f"id{sign}text{sign}mood\n1{sign}one, two{sign}up\n2{sign}three{sign}down\n"
    (tmp_path / "posts.csv").write_text(text)
    frame = read_frame(tmp_path / "posts.csv", ["id", "text", "mood"])
    assert frame["text"].tolist() == ["one, two", "three"]
    assert notes_of(frame) == (f"posts.csv: its values are separated by {name}s; data.delimiter names another",)
    assert read(text, delimiter=name) == read(text, delimiter=sign) == frame.to_numpy().tolist()


def test_a_spreadsheets_word_on_its_delimiter_is_no_row() -> None:
    assert read("sep=;\nid;text\n1;a, b\n") == [["1", "a, b"]]


def test_a_delimiter_of_two_characters_is_refused() -> None:
    with pytest.raises(ConfigError, match="delimiter must be one character or one of comma, tab"):
        Dialect(delimiter="::")


def test_headers_repeated_inside_a_file_are_left_out_and_said() -> None:
    frame, notes = read_delimited("id,text\n1,a\nid,text\n2,b\n", ",", Dialect())
    assert frame["id"].tolist() == ["1", "2"] and frame.index.tolist() == [2, 4]
    assert notes == ["the header is repeated inside the file and left out there (line 3)"]


def test_a_name_given_twice_is_numbered_and_said() -> None:
    frame, notes = read_delimited("index\t#3 String\t#3 String\n0\ta $T$\tb\n", "\t", Dialect())
    assert frame.columns.tolist() == ["index", "#3 String", "#3 String.1"] and "'#3 String.1'" in notes[0]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"PAR1abc", "it is a Parquet file; name it .parquet"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "a pointer of Git LFS"),
        (b"PK\x03\x04", "name it .xlsx"),
    ],
)
def test_what_is_no_table_is_named_for_what_it_is(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "posts.csv").write_bytes(raw)
    with pytest.raises(DataError, match=f"posts.csv: .*{words}"):
        read_frame(tmp_path / "posts.csv")


@pytest.mark.parametrize("sign", ["\n", "\r", '"', "\0"])
def test_what_ends_lines_or_encloses_values_is_no_delimiter(sign: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.delimiter cannot be"):
        Dialect(sign)
