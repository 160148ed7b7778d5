"""New posts: columns are found by name, anything may be missing but everything, images stay in their folder."""

import logging
from pathlib import Path

import pandas as pd
import pytest
from support.world import SARCASM, SENTIMENT, picture

from ensemble.data import Dataset
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
    with pytest.raises(DataError, match=r"no column of texts or images \(looked for 'text', 'image'\); it has 'id'"):
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
        posts = scan_posts(read_posts(path, [SENTIMENT], [tmp_path / "photos"]))
    assert posts.images == ["good.png", None, None]
    first, second = caplog.messages
    assert first.startswith("2 images cannot be used") and "bad.png: a text, not an image" in first
    assert "; gone.png: no such file" in first and "..." not in first
    assert second == "1 posts have neither text nor image, so nothing is known of them: 'z'."


@pytest.mark.parametrize("image", ["../secret.png", "/etc/passwd"])
def test_an_image_path_that_leaves_the_folder_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(DataError, match="leaves the image folder"):
        scan_posts(read_posts(table(tmp_path, text=["a"], image=[image]), [SENTIMENT]))


def test_an_image_folder_must_exist(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere does not exist"):
        read_posts(table(tmp_path, image=["a.png"]), [SENTIMENT], [tmp_path / "nowhere"])


@pytest.mark.parametrize("header", ["", "id,"])
def test_a_post_that_begins_with_a_quotation_mark_swallows_no_others(tmp_path: Path, header: str) -> None:
    lines = [f"{n}," * bool(header) + ('"' * (n == 3)) + f"words {n}" + '"' * (n == 7) for n in range(20)]
    (tmp_path / "posts.csv").write_text("\n".join([f"{header}text", *lines]) + "\n")
    with pytest.raises(DataError, match=r'lines 5 to 9 .* say --quotes "literal"'):
        read_posts(tmp_path / "posts.csv", [SENTIMENT])
    posts = read_posts(tmp_path / "posts.csv", [SENTIMENT], dialect=Dialect(quotes="literal"))
    assert len(posts) == 20 and posts.texts[3] == '"words 3'


def said(caplog: pytest.LogCaptureFixture, *arguments: object, **options: object) -> tuple[Dataset, list[str]]:
    """The posts as read and scanned, and the lines on the way."""
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="ensemble"):
        needed = options.get("needed", ("text", "image"))
        posts = scan_posts(read_posts(*arguments, **options), needed=needed)  # type: ignore[arg-type]
    return posts, caplog.messages


@pytest.mark.parametrize("image", ["../secret.png", "gone/x.png", "https://a.b/c.png", "[1, 2]"])
def test_images_that_no_learner_looks_at_are_left_out_whatever_they_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, image: str
) -> None:
    path = table(tmp_path, text=["a", "b"], image=[image, image])
    posts, lines = said(caplog, path, [SENTIMENT], [tmp_path / "nowhere"], needed=["text"])
    assert posts.texts == ["a", "b"] and posts.images == [None, None]
    assert lines == ["No stacked learner looks at images, so they are left out."]


def test_texts_that_no_learner_looks_at_are_not_required(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(20, 20).save(tmp_path / "x.png")
    posts, lines = said(caplog, table(tmp_path, image=["x.png"]), [SENTIMENT], needed=["image"])
    assert posts.images == ["x.png"] and lines == []
    with pytest.raises(DataError, match=r"no column of images \(looked for 'image'\); it has 'text'"):
        read_posts(table(tmp_path, text=["a"]), [SENTIMENT], needed=["image"])


def test_where_nothing_is_looked_at_ids_are_enough(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    posts, lines = said(caplog, table(tmp_path, id=["x", "y"]), [SENTIMENT], needed=())
    assert posts.ids.tolist() == ["x", "y"] and lines == []


def test_what_is_looked_for_and_not_there_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    usual = {"image": "file"}
    posts, lines = said(caplog, table(tmp_path, text=["a"]), [SENTIMENT], usual=usual)
    assert posts.images == [None]
    assert len(lines) == 1 and lines[0].endswith(
        "posts.csv has no column of images (looked for 'file', 'image'), so its posts are judged without."
    )
    assert said(caplog, table(tmp_path, text=["a"]), [SENTIMENT], named={"image": ""}, usual=usual)[1] == []


def test_image_paths_begin_beside_the_table_or_else_in_the_runs_own_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new, own = tmp_path / "new", tmp_path / "own"
    new.mkdir()
    own.mkdir()
    picture(20, 20).save(own / "x.png")
    path = table(new, text=["a", "b", "c"], image=["x.png", str(own / "x.png"), "gone.png"])
    posts, lines = said(caplog, path, [SENTIMENT], [new, own])
    assert posts.root == own and posts.images == ["x.png", str(own / "x.png"), None]
    assert f"begin in {own}, none in {new}; --images names another folder" in lines[0]
    picture(30, 30).save(new / "x.png")
    beside, lines = said(caplog, table(new, image=["x.png"], text=["a"]), [SENTIMENT], [new, own])
    assert beside.root == new and beside.images == ["x.png"] and lines == []


def test_images_that_are_in_no_folder_are_refused_with_both_ways_out(tmp_path: Path) -> None:
    path = table(tmp_path, text=["a", "b"], image=["x.png", "y.png"])
    with pytest.raises(DataError, match=r"None of the 2 images is there; .* --images names .* --column image= judges"):
        scan_posts(read_posts(path, [SENTIMENT], [tmp_path, tmp_path / "."]))
    assert scan_posts(read_posts(path, [SENTIMENT], named={"image": ""})).images == [None, None]


def test_links_are_not_fetched_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(20, 20).save(tmp_path / "x.png")
    path = table(tmp_path, text=["a", "b"], image=["x.png", "https://a.b/c.png"])
    posts, lines = said(caplog, path, [SENTIMENT])
    assert posts.images == ["x.png", None]
    assert "1 of 2 images are links, which are not fetched (https://a.b/c.png); these posts are judged" in lines[0]
    path = table(tmp_path, text=["a", "b"], image=["", "https://a.b/c.png"])
    with pytest.raises(DataError, match=r"1 of 1 images are links, .*; save them .*, or .*: --column image="):
        read_posts(path, [SENTIMENT])


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
