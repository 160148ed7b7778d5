"""The csv preset on published layouts, each a few rows: no script is needed."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from support.world import picture

from ensemble.content.duplicates import united_groups
from ensemble.data import Dataset
from ensemble.datasets import csv
from ensemble.errors import ConfigError, DataError

MOODS = {"mood": ["bad", "good"]}
N = 6


def images(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        picture(20, 20).rotate(seed).save(folder / name)


def posts(**columns: list[object]) -> pd.DataFrame:
    frame = pd.DataFrame({"id": [f"p{n}" for n in range(N)], "text": [f"words {n}" for n in range(N)]})
    return frame.assign(**({"mood": ["bad", "good"] * (N // 2)} | columns))


def read(root: Path, train: str | list[str] = "posts.csv", **options: object) -> Dataset:
    return csv.read(root, train, **({"tasks": MOODS, "text": "text"} | options))  # type: ignore[arg-type]


def test_twitter_2015_names_a_column_twice_and_counts_anew_in_each_file(tmp_path: Path) -> None:
    header = "index\t#1 Label\t#2 ImageID\t#3 String\t#3 String\n"
    for name, word in (("train", "a"), ("dev", "b"), ("test", "c")):
        lines = [f'{n}\t{n % 3}\t{word}{n}.jpg\t"{word} $T$ {n}\tParis\n' for n in range(4)]
        (tmp_path / f"{name}.tsv").write_text(header + "".join(lines))
    images(tmp_path / "images", *(f"{word}{n}.jpg" for word in "abc" for n in range(4)))
    data = read(
        tmp_path,
        ["train.tsv", "dev.tsv"],
        test="test.tsv",
        tasks={"#1 Label": ["0", "1", "2"]},
        id="index",
        text="#3 String",
        image="#2 ImageID",
        images="images",
    )
    assert data.ids.tolist() == [f"{f}.tsv:{n}" for f in ("train", "dev") for n in range(4)] + ["0", "1", "2", "3"]
    assert data.texts[:2] == ['"a $T$ 0', '"a $T$ 1'] and len(data) == 12
    assert any("ids start anew in each file" in note for note in data.notes)
    assert any("quotation marks are read as text" in note for note in data.notes)


def test_ids_of_one_post_in_two_files_are_refused(tmp_path: Path) -> None:
    posts().to_csv(tmp_path / "posts.csv", index=False)
    posts().head(2).drop(columns="mood").to_csv(tmp_path / "test.csv", index=False)
    with pytest.raises(DataError, match=r"2 ids appear more than once: 'p0', 'p1', in posts\.csv and test\.csv; of 2"):
        read(tmp_path, test="test.csv")


@pytest.mark.parametrize("pattern", ["images/{id}.jpg", "images/{id}.*", ["images/{id}.gif", "images/{id}.jpg"]])
def test_images_are_named_by_the_id(tmp_path: Path, pattern: str | list[str]) -> None:
    posts().to_csv(tmp_path / "posts.csv", index=False)
    images(tmp_path / "images", *(f"p{n}.jpg" for n in range(N)))
    assert read(tmp_path, image=pattern).images == [f"images/p{n}.jpg" for n in range(N)]


def test_any_ending_means_that_of_an_image(tmp_path: Path) -> None:
    posts(id=[f"caf\u00e9{n}" for n in range(N)]).to_csv(tmp_path / "posts.csv", index=False)
    images(tmp_path, *(f"cafe\u0301{n}.webp" for n in range(N)))
    for n in range(N):
        (tmp_path / f"cafe\u0301{n}.json").write_text("{}")
    assert read(tmp_path, image="{id}.*").images == [f"cafe\u0301{n}.webp" for n in range(N)]


def test_a_pattern_may_name_any_column_and_no_image_is_one_that_is_missing(tmp_path: Path) -> None:
    posts(tweet=["1", "2", "", "4", "5", "6"]).to_csv(tmp_path / "posts.csv", index=False)
    images(tmp_path / "i", *(f"t{n}.png" for n in (1, 2, 4, 5, 6)))
    assert read(tmp_path, image="t{tweet}.*", images="i").images == [
        "t1.png", "t2.png", None, "t4.png", "t5.png", "t6.png"
    ]  # fmt: skip


@pytest.mark.parametrize("bad", ["../secret", "x/../../y"])
def test_an_id_that_leaves_the_folder_of_its_pattern_is_refused(tmp_path: Path, bad: str) -> None:
    posts(id=[bad, *"bcdef"]).to_csv(tmp_path / "posts.csv", index=False)
    images(tmp_path / "images", "b.jpg")
    images(tmp_path, "secret.jpg")
    with pytest.raises(DataError, match=r"posts\.csv: line 2: image path .* leaves the image folder 'images'"):
        read(tmp_path, image="images/{id}.jpg")


def test_names_without_an_ending_say_which_pattern_would_find_them(tmp_path: Path) -> None:
    posts().to_csv(tmp_path / "posts.csv", index=False)
    images(tmp_path / "images", *(f"p{n}.jpg" for n in range(N)))
    with pytest.raises(DataError, match=r'first would be p0, but there is a p0\.jpg: data\.image = "\{id\}\.\*"'):
        read(tmp_path, image="id", images="images")
    posts(image=[f"p{n}.jpg" for n in range(N)]).to_csv(tmp_path / "posts.csv", index=False)
    with pytest.raises(DataError, match=r"there is images/p0\.jpg: data\.images names the folder"):
        read(tmp_path, image="image")


def test_names_are_found_in_the_unicode_form_of_the_disk(tmp_path: Path) -> None:
    posts(image=[f"caf\u00e9{n}.jpg" for n in range(N)]).to_csv(tmp_path / "posts.csv", index=False)
    images(tmp_path, *(f"cafe\u0301{n}.jpg" for n in range(N)))
    data = read(tmp_path, image="image")
    assert data.images == [f"cafe\u0301{n}.jpg" for n in range(N)] and "spelt otherwise" in data.notes[0]


def test_images_embedded_in_parquet_are_written_once_by_content(tmp_path: Path) -> None:
    def cell(seed: int) -> dict[str, object]:
        buffer = io.BytesIO()
        picture(20, 20).rotate(seed).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": "../../evil.png"}

    cells = [None, {"bytes": None, "path": None}, *(cell(n % 3) for n in range(N - 2))]
    posts(image=cells).to_parquet(tmp_path / "posts.parquet")
    for _ in range(2):
        data = read(tmp_path, "posts.parquet", image="image", extracted=tmp_path / "cache")
        assert data.root == tmp_path / "cache" and data.images[:2] == [None, None]
        assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted({*data.images[2:]})  # type: ignore[type-var]
    assert data.notes == (f"posts.parquet: 4 images in its cells, kept in {tmp_path / 'cache'}",)
    with pytest.raises(DataError, match="'image' holds an embedded image; one value is needed"):
        read(tmp_path, "posts.parquet", text="image")


def test_embedded_images_and_paths_in_one_column_are_refused(tmp_path: Path) -> None:
    posts(image=[{"bytes": b"\xff\xd8", "path": None}, *[{"bytes": None, "path": "a.jpg"}] * (N - 1)]).to_parquet(
        tmp_path / "posts.parquet"
    )
    with pytest.raises(DataError, match="row 2: 'image' holds no image where other rows hold images themselves"):
        read(tmp_path, "posts.parquet", image="image", extracted=tmp_path / "cache")


def test_parquet_keeps_whole_numbers_whole_beside_missing_ones(tmp_path: Path) -> None:
    large = 917791044158185473
    frame = posts(tweet=pd.array([large, None, 3, 4, 5, 6], dtype="Int64")).convert_dtypes()
    frame.loc[1, "text"] = pd.NA
    frame.set_index("id").to_parquet(tmp_path / "posts.parquet")
    data = read(tmp_path, "posts.parquet", group="tweet")
    assert data.frame["group"].iloc[0] == str(large)
    assert data.texts[1] is None and data.ids.tolist() == [f"p{n}" for n in range(N)]


def test_mmhs150k_is_an_object_by_id_with_the_labels_of_three(tmp_path: Path) -> None:
    labels = [[0, 0, 1], [1, 1, 1], [0, 1, 2], [2, 2, 0], [1, 0, 0], [1, 1, 0]]
    whole = {f"1{n}": {"tweet_text": f"words {n}", "labels": three} for n, three in enumerate(labels)}
    (tmp_path / "gt.json").write_text(json.dumps(whole))
    images(tmp_path / "img", *(f"1{n}.jpg" for n in range(N)))
    options = {"tasks": {"labels": ["0", "1", "2"]}, "text": "tweet_text", "image": "img/{id}.jpg"}
    data = read(tmp_path, "gt.json", label_lists="majority", **options)
    assert data.ids.tolist() == list(whole) and data.images[0] == "img/10.jpg"
    assert data.labels(data.tasks[0]).tolist() == [0, 1, -1, 2, 0, 1]
    with pytest.raises(
        DataError, match=r"gt\.json: row 1: 'labels' holds a list of 3 values.*label_lists = \"majority\" or"
    ):
        read(tmp_path, "gt.json", **options)


def test_harmeme_has_label_lists_of_one(tmp_path: Path) -> None:
    rows = [{"id": n, "image": f"{n}.png", "labels": [["not harmful"], ["very harmful"]][n % 2], "text": f"t {n}"} for n in range(N)]  # fmt: skip  # noqa: E501
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    data = read(tmp_path, "train.jsonl", tasks={"labels": ["not harmful", "very harmful"]})
    assert data.labels(data.tasks[0]).tolist() == [0, 1] * 3


def test_mami_is_separated_by_tabs_and_has_several_labels(tmp_path: Path) -> None:
    kinds = ["misogynous", "shaming"]
    frame = pd.DataFrame({"file_name": [f"{n}.jpg" for n in range(N)], **{kind: ["0", "1"] * 3 for kind in kinds}})
    frame.assign(**{"Text Transcription": "a, b"}).to_csv(tmp_path / "training.csv", sep="\t", index=False)
    images(tmp_path, *frame["file_name"])
    data = read(
        tmp_path,
        "training.csv",
        tasks={kind: ["0", "1"] for kind in kinds},
        id="file_name",
        text="Text Transcription",
        image="file_name",
    )
    assert data.task_names == ("misogynous", "shaming") and data.texts == ["a, b"] * N


def test_labels_by_a_mapping(tmp_path: Path) -> None:
    values = ["6(hate)", "0(no)", "?", "hate", "6(hate)", "0(no)"]
    posts(mood=values).to_csv(tmp_path / "posts.csv", index=False)
    mapping = {"mood": {"6(hate)": "hate", "0(no)": "no", "?": ""}}
    data = read(tmp_path, tasks={"mood": ["no", "hate"]}, labels=mapping)
    assert data.labels(data.tasks[0]).tolist() == [1, 0, -1, 1, 1, 0]
    with pytest.raises(ConfigError, match=r"data\.labels\.mood: '\?' stands for 'maybe', not one of \['no', 'hate'\]"):
        read(tmp_path, tasks={"mood": ["no", "hate"]}, labels={"mood": {"?": "maybe"}})
    with pytest.raises(ConfigError, match=r"Unknown data\.labels task 'mod'. Did you mean 'mood'"):
        read(tmp_path, labels={"mod": {}})


def test_a_second_table_is_joined_by_a_key(tmp_path: Path) -> None:
    posts().drop(columns="mood").assign(tweet=[f"{n}.0" for n in range(N)]).to_csv(tmp_path / "posts.csv", index=False)
    labels = pd.DataFrame({"tweet_id": range(N - 1), "mood": ["good", "bad", "good", "bad", "good"], "text": "other"})
    labels.iloc[::-1].to_csv(tmp_path / "labels.tsv", sep="\t", index=False)
    join = csv.Join(file="labels.tsv", key="tweet", file_key="tweet_id", columns=["mood"])
    data = read(tmp_path, join=join)
    assert data.labels(data.tasks[0]).tolist() == [1, 0, 1, 0, 1, -1]
    assert data.notes == ("posts.csv: 1 of 6 rows have no partner in labels.tsv",)
    with pytest.raises(DataError, match=r"labels\.tsv: its columns 'text' are in posts\.csv, too"):
        read(tmp_path, join=join.model_copy(update={"columns": ["text"]}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (["p0", "p0", "p1"], r"labels\.csv: key 'p0'|labels\.csv: id p?.* more than once \(line 2, line 3\)"),
        (["x", "y", "z"], r"labels\.csv: none of its 3 id is a id of posts\.csv; they read 'x', 'y', 'z', there 'p0'"),
    ],
)
def test_a_join_that_cannot_be_meant_is_refused(tmp_path: Path, keys: list[str], words: str) -> None:
    posts().drop(columns="mood").to_csv(tmp_path / "posts.csv", index=False)
    pd.DataFrame({"id": keys, "mood": "good"}).to_csv(tmp_path / "labels.csv", index=False)
    with pytest.raises(DataError, match=words):
        read(tmp_path, join=csv.Join(file="labels.csv", key="id"))


def test_rows_of_one_group_belong_together_beside_copies(tmp_path: Path) -> None:
    posts(user=["u", "v", "u", "", "w", "v"]).to_csv(tmp_path / "posts.csv", index=False)
    data = read(tmp_path, group="user")
    assert data.groups.tolist() == [0, 1, 0, 2, 3, 1]
    assert data.notes == ("user: the rows are in 4 groups, none of which a split divides",)
    copies = pd.Series([0, 1, 2, 1, 3, 4]).to_numpy()  # the second and the fourth post are copies
    assert united_groups(data, copies).tolist() == [0, 1, 0, 1, 2, 1]
    assert united_groups(read(tmp_path), copies).tolist() == copies.tolist()


def test_a_group_is_one_whether_its_number_is_written_whole_or_not(tmp_path: Path) -> None:
    posts(user=["1.0", "2.0", "1.0", "", "3.0", "2.0"]).to_csv(tmp_path / "a.csv", index=False)
    posts(user=["1", "2", "3", "4", "5", "6"], id=list("uvwxyz")).to_csv(tmp_path / "b.csv", index=False)
    assert read(tmp_path, ["a.csv", "b.csv"], group="user").groups.tolist() == [0, 1, 0, 2, 3, 1, 0, 1, 3, 4, 5, 6]


def test_without_an_id_the_rows_are_numbered_and_that_is_said(tmp_path: Path) -> None:
    posts().drop(columns="id").to_csv(tmp_path / "posts.csv", index=False)
    data = read(tmp_path)
    assert data.ids.tolist() == ["1", "2", "3", "4", "5", "6"] and "its rows are numbered" in data.notes[0]
    with pytest.raises(DataError, match="Unknown column 'guid'"):
        read(tmp_path, id="guid")


def test_several_files_by_a_pattern(tmp_path: Path) -> None:
    for shard in range(3):
        posts().iloc[shard * 2 : shard * 2 + 2].to_parquet(tmp_path / f"train-{shard}.parquet")
    assert read(tmp_path, "train-*.parquet").ids.tolist() == [f"p{n}" for n in range(N)]
    with pytest.raises(DataError, match="No file matches"):
        read(tmp_path, "test-*.parquet")


def test_a_spreadsheet_is_read_as_its_csv_is(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [["id", "text", "mood"], [7, "a, b", "good"], [8, None, "bad"]]:
        book.active.append(row)
    book.create_sheet("notes")
    book.save(tmp_path / "posts.xlsx")
    data = read(tmp_path, "posts.xlsx")
    assert data.ids.tolist() == ["7", "8"] and data.texts == ["a, b", None]
    assert "of its sheets 'Sheet' is read, not 'notes'" in data.notes[0]


def test_without_the_library_a_spreadsheet_is_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    (tmp_path / "posts.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"posts\.xlsx: reading \.xlsx needs openpyxl \(pip install openpyxl\)"):
        read(tmp_path, "posts.xlsx")
