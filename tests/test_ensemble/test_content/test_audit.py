"""The audit counts what is odd, as plain JSON."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image as Picture
from support.world import SENTIMENT, toy_table

from ensemble.content import text
from ensemble.content.audit import audit, audit_lines
from ensemble.content.image import Image
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.modalities import Scan


@pytest.fixture
def found(tmp_path: Path, random) -> dict[str, Any]:  # type: ignore[no-untyped-def]
    for name in ("a.png", "c.png"):
        Picture.fromarray(random.integers(0, 256, (40, 40, 3)).astype("uint8")).save(tmp_path / name)
    (tmp_path / "copy.png").write_bytes((tmp_path / "a.png").read_bytes())
    frames = [Picture.new("L", (20, 20), grey) for grey in (10, 200)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "broken.jpg").write_text("no picture")
    rows = [
        ("p0", "hello", "a.png", "train", "positive", "utf-8"),
        ("p1", "Hello ", "moving.gif", "train", "negative", "utf-8"),
        ("p2", None, "broken.jpg", "train", None, "unreadable"),
        ("p3", "\U0001f600\x00", "gone.jpg", "train", "positive", "gb18030"),
        ("p4", None, None, "train", "positive", "missing"),
        ("p5", "test", "copy.png", "test", None, "utf-8"),
        ("p6", "\u0645\u0631\u062d too", "c.png", "test", None, "utf-8"),
    ]
    columns = ["id", "text", "image", "part", "sentiment", "text_encoding"]
    data = Dataset(pd.DataFrame(rows, columns=columns, dtype=object), tmp_path, (SENTIMENT,), notes=("as told",))
    return audit(*scan(data))


def test_the_audit_is_plain_json(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_rows_labels_and_texts_are_counted(found: dict[str, Any]) -> None:
    assert found["rows"] == {"train": 5, "test": 2}
    assert found["tasks"] == {"sentiment": {"negative": 1, "neutral": 0, "positive": 3, "missing": 1}}
    assert found["texts"]["missing"] == 2
    assert (found["texts"]["without_words"], found["texts"]["control_characters"]) == (1, 1)
    assert (found["texts"]["right_to_left"], found["texts"]["longest"]) == (1, 7)
    assert found["texts"]["encodings"] == {"utf-8": 4, "unreadable": 1, "gb18030": 1, "missing": 1}
    assert found["texts"]["languages"] == {"und": 5}  # too short to tell
    assert found["notes"] == ["as told"]


def test_the_languages_of_texts_are_counted_for_any_dataset() -> None:
    data = toy_table(3)
    texts = ["I am so happy to see all of you today", "Hoy estoy muy contento de veros a todos", None]
    found = audit(*scan(data.with_columns(text=texts)))
    assert found["texts"]["languages"] == {"en": 1, "es": 1}
    assert dict(audit_lines(found))["languages"] == "en 1, es 1, of 2 texts"


def test_rare_languages_are_printed_as_one_and_the_undetermined_last(found: dict[str, Any]) -> None:
    counts = {"en": 4000, **{f"l{number}": 9 - number for number in range(9)}, "und": 55}
    texts = {**found["texts"], "languages": counts}
    printed = dict(audit_lines({**found, "texts": texts}))["languages"]
    assert printed.startswith("en 4,000, l0 9, ")
    assert printed.endswith("l6 3, 2 others 3, undetermined 55, of 4,100 texts")


def test_missing_unreadable_and_unusual_images_are_counted_and_named(found: dict[str, Any]) -> None:
    images = found["images"]
    assert (images["missing"], len(images["missing_first"])) == (2, 1)
    assert images["missing_first"][0].endswith("gone.jpg")
    assert images["unreadable"] == 1
    assert images["unreadable_first"][0].endswith("broken.jpg: a text, not an image")
    assert images["animated"] == 1
    assert images["modes"]["RGB"] == 3


def test_copies_conflicts_and_overlap_are_counted(found: dict[str, Any]) -> None:
    assert found["duplicates"]["same_image_groups"] == 1
    assert found["duplicates"]["same_text_rows"] == 2
    assert (found["duplicates"]["groups"], found["duplicates"]["rows_in_groups"]) == (1, 3)
    assert found["duplicates"]["largest_group"] == 3
    assert found["conflicting_labels"] == {"sentiment": 1}  # p0 and p1 share a text and not a label
    assert found["train_test_overlap"] == 1


def test_texts_alone_are_audited(tmp_path: Path) -> None:
    found = audit(*scan(toy_table(12, test_rows=3)))
    assert found["rows"] == {"train": 12, "test": 3}
    assert found["images"]["missing"] == 15
    assert found["images"]["modes"] == {}
    assert found["duplicates"]["largest_group"] == 1


def test_the_drawn_memes_have_copies_and_missing_media(posts: Dataset) -> None:
    found = audit(*scan(posts))
    assert found["texts"]["missing"] > 0
    assert found["images"]["missing"] > 0
    assert found["images"]["unreadable"] == 0
    assert found["duplicates"]["groups"] > 0


def test_of_very_many_texts_the_languages_of_a_sample_are_told_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spanish, english = "hoy estoy muy contenta de verte otra vez", "just watched the best sunset of my life with you"
    texts = [f"{spanish} {n}" for n in range(20)] + [f"{english} {n}" for n in range(60)]
    monkeypatch.setattr(text, "LANGUAGES_OF", 79)
    monkeypatch.setattr(text, "SAMPLE", 8)
    found = text.Text().audit(pd.DataFrame({"text": texts}), [*texts, None], Scan.nothing(81))
    assert found["languages"] == {"en": 6, "es": 2} and found["languages_sampled_from"] == 80
    assert dict(text.Text().audit_lines(found))["languages"] == "en 6, es 2, of 8 texts spread evenly over 80"


def test_of_too_many_images_to_compare_all_the_audit_says_which_share_of_pairs_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.DataFrame({"path": ["a", "b", "c"], "hash": ["1", "2", "3"], "content": b"", "mode": "L", "frames": 1})
    shown = Scan(frame.assign(problem=None).astype(object))
    title = "near-identical pairs found, of over 2 images"
    assert title not in dict(Image().audit_lines(Image().audit(frame, ["a", "b", "c"], shown)))
    monkeypatch.setattr("ensemble.content.image.ALL", 2)
    assert dict(Image().audit_lines(Image().audit(frame, ["a", "b", "c"], shown)))[title] == "about 98.8 %"
