"""New posts: columns are found by name, anything may be missing but everything, images stay in their folder."""

import logging
from pathlib import Path

import pandas as pd
import pytest
from support.world import SARCASM, SENTIMENT, picture

from ensemble.datasets.delimited import Dialect
from ensemble.datasets.new_posts import read_posts, scan_posts
from ensemble.errors import DataError


def table(folder: Path, name: str = "posts.csv", **columns: list[str]) -> Path:
    frame = pd.DataFrame(columns)
    path = folder / name
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("name", ["posts.csv", "posts.tsv", "posts.parquet"])
def test_posts_are_read_without_labels_and_with_what_is_there(tmp_path: Path, name: str) -> None:
    path = table(tmp_path, name, id=["x", "y"], text=["=1+1", ""], image=["", "a.png"], sentiment=["1", "2"])
    posts = read_posts(path, [SENTIMENT, SARCASM])
    assert posts.ids.tolist() == ["x", "y"]
    assert posts.texts == ["=1+1", None]
    assert posts.images == [None, "a.png"]
    assert (posts.labels(SENTIMENT) == -1).all()
    assert posts.root == tmp_path


def test_json_lines_are_read_too(tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text('{"id": 7, "text": "a"}\n{"id": 8, "text": null, "image": "b.png"}\n')
    posts = read_posts(path, [SENTIMENT])
    assert posts.ids.tolist() == ["7", "8"] and posts.texts == ["a", None]


def test_without_ids_rows_are_numbered_from_one(tmp_path: Path) -> None:
    assert read_posts(table(tmp_path, text=["a", "b"]), [SENTIMENT]).ids.tolist() == ["1", "2"]


def test_a_named_column_goes_before_the_usual_one_and_that_before_the_plain_one(tmp_path: Path) -> None:
    path = table(tmp_path, text=["plain"], caption=["usual"], tweet=["named"])
    usual = {"id": "name", "text": "caption"}
    assert read_posts(path, [SENTIMENT], named={"text": "tweet"}, usual=usual).texts == ["named"]
    assert read_posts(path, [SENTIMENT], usual=usual).texts == ["usual"]
    assert read_posts(path, [SENTIMENT], usual={"text": "words"}).texts == ["plain"]


def test_a_named_column_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Unknown column 'capton'\. Did you mean 'caption'"):
        read_posts(table(tmp_path, caption=["a"]), [SENTIMENT], named={"text": "capton"})


def test_a_table_needs_a_column_of_texts_or_of_images(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"neither a column 'text' nor .*; it has 'id', 'tweet'\. --text-column",
    ):
        read_posts(table(tmp_path, id=["1"], tweet=["a"]), [SENTIMENT])


@pytest.mark.parametrize(("content", "words"), [("", "header"), ("id,text\n", "has no rows")])
def test_an_empty_file_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "posts.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=words):
        read_posts(path, [SENTIMENT])


def test_ids_must_differ_and_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ids appear more than once: 'x'"):
        read_posts(table(tmp_path, id=["x", "x"], text=["a", "b"]), [SENTIMENT])
    with pytest.raises(DataError, match="line 3 has no id"):
        read_posts(table(tmp_path, id=["x", ""], text=["a", "b"]), [SENTIMENT])


def test_posts_of_nothing_at_all_are_refused(tmp_path: Path) -> None:
    posts = read_posts(table(tmp_path, id=["x", "y"], text=["", " "], image=["", ""]), [SENTIMENT])
    with pytest.raises(DataError, match="None of the 2 posts has a text or an image"):
        scan_posts(posts)


def test_a_single_post_whose_only_image_is_unreadable_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"has a text or an image that can be used \(.*not an image"):
        scan_posts(read_posts(table(tmp_path, image=["a.png"]), [SENTIMENT]))


def test_an_image_that_cannot_be_used_is_missing_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "photos").mkdir()
    picture(20, 20).save(tmp_path / "photos" / "good.png")
    (tmp_path / "photos" / "bad.png").write_bytes(b"no image")
    path = table(tmp_path, id=["x", "y", "z"], text=["a", "b", ""], image=["good.png", "bad.png", "gone.png"])
    with caplog.at_level(logging.WARNING, logger="ensemble"):
        posts = scan_posts(read_posts(path, [SENTIMENT], tmp_path / "photos"))
    assert posts.images == ["good.png", None, None]
    first, second = caplog.messages
    assert first.startswith("2 images cannot be used") and "bad.png: not an image" in first
    assert second == "1 posts have neither text nor image, so nothing is known of them: 'z'."


@pytest.mark.parametrize("image", ["../secret.png", "/etc/passwd"])
def test_an_image_path_that_leaves_the_folder_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(DataError, match="leaves the image folder"):
        scan_posts(read_posts(table(tmp_path, text=["a"], image=[image]), [SENTIMENT]))


def test_an_image_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_posts(table(tmp_path, text=["a"]), [SENTIMENT], tmp_path / "nowhere")


@pytest.mark.parametrize("header", ["", "id,"])
def test_a_post_that_begins_with_a_quotation_mark_swallows_no_others(tmp_path: Path, header: str) -> None:
    lines = [f"{n}," * bool(header) + ('"' * (n == 3)) + f"words {n}" + '"' * (n == 7) for n in range(20)]
    (tmp_path / "posts.csv").write_text("\n".join([f"{header}text", *lines]) + "\n")
    with pytest.raises(DataError, match=r'lines 5 to 9 .* say --quotes "literal"'):
        read_posts(tmp_path / "posts.csv", [SENTIMENT])
    posts = read_posts(tmp_path / "posts.csv", [SENTIMENT], dialect=Dialect(quotes="literal"))
    assert len(posts) == 20 and posts.texts[3] == '"words 3'


def test_images_are_found_by_the_pattern_of_the_run(tmp_path: Path) -> None:
    picture(20, 20).save(tmp_path / "x.png")
    path = table(tmp_path, id=["x"], text=["a"])
    assert read_posts(path, [SENTIMENT], usual={"image": "{id}.*"}).images == ["x.png"]


def test_what_is_assumed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "posts.csv").write_bytes("id;text\n1;un café très bon\n".encode("cp1252"))
    with caplog.at_level(logging.WARNING, logger="ensemble"):
        assert read_posts(tmp_path / "posts.csv", [SENTIMENT]).texts == ["un café très bon"]
    assert "read as cp1252" in caplog.messages[0] and "--encoding names another" in caplog.messages[0]
    assert "separated by semicolons; --delimiter names another" in caplog.messages[1]
