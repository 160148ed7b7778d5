"""The csv preset: tables of four kinds, in which nothing is guessed to be missing."""

import json
from pathlib import Path

import pandas as pd
import pytest

from ensemble.data import Dataset
from ensemble.datasets import csv
from ensemble.datasets.cells import strings
from ensemble.datasets.sketch import sketch
from ensemble.datasets.tables import read_frame
from ensemble.errors import ConfigError, DataError

TASKS = {"mood": ("bad", "good")}
ROWS = [
    {"id": "007", "text": "NA", "image": "a.jpg", "mood": "good"},
    {"id": "b", "text": "null", "image": "", "mood": ""},
    {"id": "c", "text": 'she said "no, never"\nand left, smiling', "image": "sub/c.png", "mood": "bad"},
    {"id": "d", "text": "   ", "image": "d.jpg", "mood": " good "},
    {"id": "e", "text": "2020-01-02", "image": "nan", "mood": "bad"},
]


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    frame = pd.DataFrame(rows)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def read(root: Path, train: str = "posts.csv", **options: object) -> Dataset:
    chosen: dict[str, object] = {"tasks": TASKS, "text": "text", "image": "image"}
    return csv.read(root, train, **(chosen | options))  # type: ignore[arg-type]


def column(data: Dataset, name: str) -> list[str | None]:
    return [None if pd.isna(value) else value for value in data.frame[name]]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_gives_the_same_posts(tmp_path: Path, suffix: str) -> None:
    write(tmp_path / f"posts{suffix}", ROWS)
    data = read(tmp_path, f"posts{suffix}")
    assert data.ids.tolist() == ["007", "b", "c", "d", "e"]
    assert data.texts == ["NA", "null", 'she said "no, never"\nand left, smiling', None, "2020-01-02"]
    assert data.images == ["a.jpg", None, "sub/c.png", "d.jpg", "nan"]
    assert column(data, "mood") == ["good", None, "bad", "good", "bad"]
    assert set(data.frame["part"]) == {"train"}


def test_a_table_with_a_byte_order_mark_or_in_gb18030_is_read(tmp_path: Path) -> None:
    text = "id,text,mood\n1,好,good\n"
    for name, raw in (("a.csv", b"\xef\xbb\xbf" + text.encode()), ("b.csv", text.encode("gb18030"))):
        (tmp_path / name).write_bytes(raw)
        assert read(tmp_path, name, image=None).texts == ["好"]


def test_a_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ROWS)
    with pytest.raises(DataError, match=r"posts\.csv: Unknown column 'texts'. Did you mean 'text'\? Available"):
        read(tmp_path, text="texts")


def test_a_missing_label_column_is_named(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ROWS)
    with pytest.raises(DataError, match="Unknown column 'irony'"):
        read(tmp_path, tasks={"irony": ("0", "1")})


def test_a_missing_file_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ROWS)
    with pytest.raises(DataError, match=r"No such file: .*post\.csv\. That folder has 'posts\.csv'\."):
        read(tmp_path, "post.csv")


def test_repeated_ids_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", [*ROWS, {**ROWS[0], "id": " c "}])
    with pytest.raises(DataError, match="1 ids appear more than once: 'c'"):
        read(tmp_path)


def test_a_row_without_id_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", [ROWS[0], {**ROWS[1], "id": ""}])
    with pytest.raises(DataError, match=r"posts\.csv: line 3 has no id"):
        read(tmp_path)


def test_an_unknown_label_is_refused_with_row_and_value(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", [*ROWS, {**ROWS[0], "id": "f", "mood": "Good"}])
    with pytest.raises(DataError, match=r"row 'f' has mood 'Good'; it must be one of \['bad', 'good'\]"):
        read(tmp_path)


def test_neither_text_nor_image_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ROWS)
    with pytest.raises(ConfigError, match=r"data.text, data.image, data.audio or data.video must name a column"):
        read(tmp_path, text=None, image=None)


def test_a_missing_image_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ROWS)
    with pytest.raises(DataError, match=r"image folder .*pictures does not exist"):
        read(tmp_path, images="pictures")


def test_a_test_file_needs_no_labels(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", ROWS)
    write(tmp_path / "test.csv", [{"id": "t", "text": "hm", "image": "t.jpg"}])
    data = read(tmp_path, test="test.csv")
    assert data.frame["part"].tolist() == ["train"] * 5 + ["test"]
    assert column(data, "mood")[-1] is None


def test_a_test_column_tells_the_test_rows(tmp_path: Path) -> None:
    splits = ["train", "test", "val", "dev", "train"]
    write(tmp_path / "posts.csv", [{**row, "split": split} for row, split in zip(ROWS, splits, strict=True)])
    data = read(tmp_path, test_column="split", test_values=("test", "dev"))
    assert data.frame["part"].tolist() == ["train", "test", "train", "test", "train"]
    assert column(data, "mood")[3] == "good"  # a labelled test row keeps its label


def test_columns_of_any_name_may_hold_id_text_and_image(tmp_path: Path) -> None:
    renamed = [{"name": r["id"], "caption": r["text"], "file": r["image"], "mood": r["mood"]} for r in ROWS]
    write(tmp_path / "posts.csv", renamed)
    data = read(tmp_path, id="name", text="caption", image="file")
    assert data.texts[0] == "NA"
    assert data.images[0] == "a.jpg"


def test_a_text_column_called_id_is_not_overwritten(tmp_path: Path) -> None:
    write(tmp_path / "posts.csv", [{"name": "1", "id": "a text", "mood": "good"}])
    assert read(tmp_path, id="name", text="id", image=None).texts == ["a text"]


@pytest.mark.parametrize("rows", ["1,hello, world\n2,foo, bar\n", "1,hello\n2,foo, bar\n"])
def test_rows_with_more_values_than_the_header_are_refused(tmp_path: Path, rows: str) -> None:
    (tmp_path / "posts.csv").write_text("id,text\n" + rows)
    with pytest.raises(DataError, match=r"posts\.csv: not a readable csv table"):
        read_frame(tmp_path / "posts.csv")


@pytest.mark.parametrize("name", ["posts.csv", "posts.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match=f"{name}: not a readable"):
        read_frame(tmp_path / name)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "posts.ods").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"a table must be one of \.csv, \.tsv"):
        read_frame(tmp_path / "posts.ods")


def test_a_table_in_a_code_page_is_read_and_the_words_that_depend_on_it_are_shown(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").write_bytes("id,text,mood\n1,un café très bon,good\n2,déjà,bad\n".encode("cp1252"))
    data = read(tmp_path, image=None)
    assert data.texts == ["un café très bon", "déjà"]
    assert "posts.csv: not UTF-8 and read as cp1252" in data.notes[0] and "'café', 'très', 'déjà'" in data.notes[0]
    assert read(tmp_path, image=None, encoding="cp1251").texts == ["un cafй trиs bon", "dйjа"]  # noqa: RUF001
    with pytest.raises(DataError, match=r"posts\.csv: line 2 is not utf-8"):
        read(tmp_path, image=None, encoding="utf-8")


def test_numbers_become_the_strings_one_would_write() -> None:
    column = pd.Series([1, 2.0, 2.5, None, float("nan"), " x "], dtype=object)
    assert [None if v is None else v for v in strings(column)] == ["1", "2", "2.5", None, None, "x"]


@pytest.mark.parametrize("values", [[True, False], [1, 0]])
def test_a_test_column_may_hold_numbers_or_truth_values(tmp_path: Path, values: list[object]) -> None:
    pd.DataFrame({"id": ["a", "b"], "text": ["x", "y"], "mood": ["good", "bad"], "held": values}).to_parquet(
        tmp_path / "posts.parquet"
    )
    data = read(tmp_path, "posts.parquet", image=None, test_column="held", test_values=(str(values[0]),))
    assert data.frame["part"].tolist() == ["test", "train"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("id,text,mood\n1,a,b,up\n", "line 2 has 4 values, the header has 3"),
        ("id,text,mood\n1,up\n", "line 2 has 2 values"),
        ('id,text,mood\n1,"a" b,up\n', "expected after"),
        ('id,text,mood\n1,"a,up\n', "quotation mark in line 2 is never closed"),
        ("", "the header must name each column"),
    ],
)
def test_a_row_of_another_shape_is_refused_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "posts.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        csv.read(tmp_path, train="posts.csv", tasks={"mood": ["up", "down"]}, text="text")


@pytest.mark.parametrize(
    ("train", "said"),
    [([], "data.train is empty"), ("", "data.train is empty"), ("/data/posts-*.csv", "relative to")],
)
def test_training_files_that_cannot_be_looked_for_are_refused(tmp_path: Path, train: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, train)


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "posts.csv").mkdir()
    with pytest.raises(DataError, match=r"posts\.csv is a folder; a table must be a file"):
        read(tmp_path)


def test_many_numbers_are_a_regression_and_that_is_said(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": "so it is", "mood": str(n / 4 - 9), "stars": n % 5} for n in range(80)]
    write(tmp_path / "posts.csv", rows)
    made = sketch(tmp_path, "posts.csv", ["mood", "stars"], {}, tmp_path / "embedded")
    assert made.tasks == {"mood": {"kind": "regression"}, "stars": ["0", "1", "2", "3", "4"]}
    assert "mood: 80 different numbers from -9 to 10.75, so a regression" in made.assumed[0]
    assert "would predict a number" in made.assumed[1]


@pytest.mark.parametrize("kind", ["id", "text", "image", "group", "test_column"])
def test_a_column_of_labels_is_nothing_else(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "posts.csv", ROWS)
    with pytest.raises(ConfigError, match=rf"data\.{kind} names 'mood', a column of labels"):
        read(tmp_path, **{kind: "mood"})


@pytest.mark.parametrize(
    ("column", "values", "doubted"),
    [
        ("actor", ["1", "1", "2", "2"], True),
        ("User_ID", ["a", "a", None, "b"], True),
        ("actor", ["1", "2", "3", "4"], False),
        ("actor", ["1", "1", "1", "1"], False),
        ("factor", ["1", "1", "2", "2"], False),
        ("users", [["ann", "bob"], ["ann", "bob"], [], ["eve"]], True),
    ],
)
def test_a_column_of_whose_posts_they_are_is_doubted_where_it_is_no_group(
    tmp_path: Path, column: str, values: list[object], doubted: bool
) -> None:
    rows = pd.DataFrame(ROWS[:4]).assign(mood=["bad", "good"] * 2, **{column: values})
    rows.to_json(tmp_path / "posts.jsonl", orient="records", lines=True)
    for without in (None, ""):
        notes = " ".join(read(tmp_path, "posts.jsonl", group=without).notes)
        assert (f"data.group = {column!r}" in notes) == doubted


def test_a_group_that_is_set_is_doubted_no_more(tmp_path: Path) -> None:
    rows = pd.DataFrame(ROWS[:4]).assign(mood=["bad", "good"] * 2, actor=["1", "1", "2", "2"])
    rows.to_csv(tmp_path / "posts.csv", index=False)
    assert "data.group" in " ".join(read(tmp_path).notes)
    assert "data.group" not in " ".join(read(tmp_path, group="actor").notes)
