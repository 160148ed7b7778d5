"""Images of strangers in the report: small, bare, and never a reason to fail."""

from base64 import b64decode
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import cast

import pytest
from PIL import Image
from support.clips import tone, write_sound
from support.reported import draw_pictures, report_facts
from support.world import picture as noise

from ensemble.content.image import MAX_BYTES, MAX_SIDE
from ensemble.modalities import MODALITIES, Media, Preview
from meta.records import LabelIssue
from meta.report.gallery import make_gallery, posts_per_gallery, thumbnail
from meta.report.page import draw_page


def post(text: str | None) -> LabelIssue:
    return LabelIssue(
        id="1",
        label="no",
        decided="yes",
        probability_of_label=0.1,
        probability_of_decided=0.9,
        margin=0.8,
        text=text,
        image=None,
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    draw_pictures(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["0.jpg", "1.jpg", "2.jpg", "3.jpg", "noise.png"])
def test_a_picture_is_a_small_jpeg_of_the_whole_image(root: Path, name: str) -> None:
    found, problem = thumbnail(root, name, "1")
    assert found is not None and problem == ""
    assert found.startswith("data:image/jpeg;base64,")
    raw = b64decode(found.partition(",")[2])
    assert len(raw) <= MAX_BYTES
    with Image.open(root / name) as original, Image.open(BytesIO(raw)) as small:
        assert max(small.size) <= MAX_SIDE
        assert small.width / small.height == pytest.approx(original.width / original.height, rel=0.05)


def test_what_a_camera_wrote_into_an_image_is_dropped(root: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    noise(40, 40).save(root / "camera.jpg", exif=exif, icc_profile=b"profile of a screen")
    found, _ = thumbnail(root, "camera.jpg", "1")
    assert found is not None
    raw = b64decode(found.partition(",")[2])
    assert b"taken at home" not in raw and b"profile" not in raw
    with Image.open(BytesIO(raw)) as small:
        assert not small.getexif()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (None, "no image"),
        ("gone.jpg", "no such file"),
        ("broken.jpg", "a text, not an image"),
        ("../../etc/passwd", "outside the image folder"),
        ("nul\0.jpg", "outside the image folder"),
    ],
)
def test_without_a_picture_there_is_a_reason(root: Path, name: str | None, problem: str) -> None:
    assert thumbnail(root, name, "1") == (None, problem)


def test_a_long_text_is_cut_and_counted(root: Path) -> None:
    long, short, none = make_gallery([post("x" * 10_000), post("short"), post(None)], root, 5).posts
    assert len(long.text) + long.more == 10_000
    assert (short.text, short.more) == ("short", 0)
    assert (none.text, none.more) == ("", 0)


def test_many_galleries_show_few_posts_each() -> None:
    assert posts_per_gallery(2) == posts_per_gallery(6) == 8
    assert 18 * posts_per_gallery(18) <= 120
    assert posts_per_gallery(1000) == 2


class Colour:
    """Enough of a modality to be shown."""

    plural = "colours"

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        return Preview(text=f"#{cell}", media=(Media("image/svg+xml", f"<svg><!--{cell}--></svg>".encode()),))


def test_sounds_and_any_modality_more_are_shown_beside_the_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MODALITIES, "colour", f"{__name__}:Colour")
    write_sound(tmp_path / "a.wav", tone(1))
    shown = cast(LabelIssue, {**post("so it is"), "audio": "a.wav", "video": None, "colour": "0f0"})
    facts = report_facts(1, ["tfidf"])
    task = replace(facts.tasks[0], label_issues=[shown, cast(LabelIssue, {**shown, "audio": "gone.wav"})], hardest=[])
    page = draw_page(replace(facts, tasks=[task]), tmp_path)
    assert page.count('<audio controls preload="none" src="data:audio/mpeg;base64,') == 1
    assert page.count('alt="audio of post 1"') == 1 and page.count('alt="colour of post 1"') == 2
    assert "colour: #0f0" in page and "audio: no such file" in page
    assert "media-src data:" in page and "no image" not in page
