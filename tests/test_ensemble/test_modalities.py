"""What a modality more takes: one class and one line."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from support.toys import TOYS, Hash
from support.world import SENTIMENT, toy_table

from ensemble.content.audit import audit, audit_lines
from ensemble.content.copies import equal_pairs
from ensemble.content.duplicates import find_duplicates
from ensemble.content.scan import scan
from ensemble.data import Codes, Dataset, Task
from ensemble.datasets.new_posts import read_posts, scan_posts
from ensemble.errors import ConfigError, DataError
from ensemble.folds import row_digests
from ensemble.jobs.ablation import MASKED, ablate, hide
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.modalities import (
    MODALITIES,
    Cells,
    Modality,
    Pairs,
    Preview,
    Scan,
    check_described,
    describe,
    get_modality,
    modalities_of,
)
from ensemble.run import Run
from ensemble.system.progress import Track


class Colour:
    """A hexadecimal number; upper and lower case are one colour."""

    plural = "colours"
    carries = ()
    copies_named: Mapping[str, str] = {"same_colour_rows": "rows sharing a colour"}

    def key(self, cell: str, root: Path) -> str:
        return cell.lower()

    def scan(self, ids: Sequence[str], cells: Cells, root: Path, cache: Path | None, track: Track) -> Scan:
        problems = ["no colour" if cell and set(cell.lower()) - set("0123456789abcdef") else None for cell in cells]
        return Scan(pd.DataFrame({"path": list(cells), "problem": problems}, dtype=object))

    def find_copies(self, cells: Cells, keys: Cells, scan: Scan) -> dict[str, Pairs]:
        return {"same_colour": equal_pairs(keys)}

    def find_placeholders(self, cells: Cells, keys: Cells) -> dict[str, Codes]:
        return {}

    def count_copies(self, pairs: Mapping[str, Pairs]) -> dict[str, int]:
        return {"same_colour_rows": len(np.unique(pairs["same_colour"]))}

    def audit(self, frame: pd.DataFrame, cells: Cells, scan: Scan) -> Mapping[str, Any]:
        return {"missing": sum(cell is None for cell in cells), "wrong": len(scan.problems)}

    def audit_lines(self, found: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [("colours missing", f"{found['missing']:,}")]

    def preview(self, cell: str | None, root: Path, row: str) -> Preview:
        return Preview(text=f"#{cell}")


class Painted(Hash):
    """Half a hash, half the colour: what it says changes where the colour is hidden."""

    def modalities(self) -> tuple[str, ...]:
        return ("colour", "text")

    def predict_proba(self, data: Dataset) -> np.ndarray[Any, np.dtype[np.float64]]:
        values = super().predict_proba(data)
        for row, key in enumerate(data.keys("colour")):
            values[row] = values[row] if key is None else np.eye(self.classes_)[int(key, 16) % self.classes_]
        return values


@pytest.fixture
def colour(monkeypatch: pytest.MonkeyPatch) -> Modality:
    monkeypatch.setitem(MODALITIES, "colour", f"{__name__}:Colour")
    return get_modality("colour")


def painted(rows: int = 60) -> Dataset:
    colours = [None if row % 10 == 9 else f"{row:02X}" for row in range(rows)]
    return toy_table(rows).with_columns(colour=colours)


def test_a_modality_nobody_knows_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Unknown modality 'txt'\. Did you mean 'text'\?"):
        get_modality("txt")


@pytest.mark.usefixtures("colour")
def test_cells_of_a_modality_more_have_keys_and_change_the_digest_of_their_row() -> None:
    data = painted()
    assert data.cells("colour")[8:12] == ["08", None, "0A", "0B"]
    assert data.keys("colour")[8:12] == ["08", None, "0a", "0b"]
    digests = row_digests(data), row_digests(data.with_columns(colour=["08", *data.cells("colour")[1:]]))
    assert [row for row, pair in enumerate(zip(*digests, strict=True)) if pair[0] != pair[1]] == [0]


@pytest.mark.usefixtures("colour")
def test_what_a_scan_finds_wrong_is_missing_from_then_on_and_audited() -> None:
    data = painted().with_columns(colour=["01", "violet", *[None] * 57, "1F"])
    scanned, scans = scan(data)
    assert scanned.cells("colour")[:2] == ["01", None]
    assert scans["colour"].problems["path"].tolist() == ["violet"]
    found: Mapping[str, Any] = {**audit(scanned, scans)}
    assert found["colours"] == {"missing": 58, "wrong": 1}
    assert ("colours missing", "58") in audit_lines(found) and ("texts missing", "0") in audit_lines(found)


@pytest.mark.usefixtures("colour")
def test_posts_of_one_colour_are_copies_and_stay_together() -> None:
    data = painted().with_columns(colour=["aa", "AA", *[None] * 58])
    copies = find_duplicates(*scan(data))
    assert copies.group[0] == copies.group[1] and len(set(copies.group)) == 59
    found: Mapping[str, Any] = {**audit(*scan(data))}
    assert found["duplicates"]["same_colour_rows"] == 2
    assert ("rows sharing a colour", "2") in audit_lines(found)


@pytest.mark.usefixtures("colour")
def test_a_modality_more_is_hidden_by_ablation(make_run: Callable[..., Run]) -> None:
    data = painted()
    assert hide(data, "colour").keys("colour") == [None] * 60 and hide(data, "colour").texts == data.texts
    run = make_run(data, {"p": ("painted", {})}, registry={**TOYS, "painted": f"{__name__}:Painted"})
    train(run, list_work(run, run.specs, [SENTIMENT], ()))
    rows = ablate(run, "p", SENTIMENT, [MASKED])["rows"]
    assert [row["without"] for row in rows] == [None, "colour", "text"]
    assert rows[1]["card"]["metrics"] != rows[0]["card"]["metrics"] == rows[2]["card"]["metrics"]
    assert run.results.modality("p", SENTIMENT) == "text+colour"


@pytest.mark.usefixtures("colour")
def test_new_posts_may_be_of_a_modality_more_alone(tmp_path: Path) -> None:
    pd.DataFrame({"colour": ["0f", "", "red"]}).to_csv(tmp_path / "new.csv", index=False)
    posts = scan_posts(read_posts(tmp_path / "new.csv", [SENTIMENT]))
    assert posts.cells("colour") == ["0f", None, None]
    pd.DataFrame({"tone": ["0f"]}).to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(DataError, match=r"texts or images or colours \(looked for .*'colour'\); it has 'tone'"):
        read_posts(tmp_path / "none.csv", [SENTIMENT], needed=["text", "image", "colour"])


def test_a_preview_is_text_or_bytes_of_a_media_type(colour: Modality, posts: Dataset) -> None:
    assert colour.preview("0f", Path("."), "1").text == "#0f"
    assert get_modality("text").preview(None, Path("."), "1") == Preview()
    path = next(path for path in posts.images if path)
    shown = get_modality("image").preview(path, posts.root, "1")
    assert shown.media[0].type == "image/jpeg" and shown.media[0].data[:2] == b"\xff\xd8"
    assert get_modality("image").preview("gone.png", posts.root, "1").problem == "no such file"


class Looking:
    def __init__(self, *modalities: str) -> None:
        self.names = modalities

    def modalities(self) -> tuple[str, ...]:
        return self.names


@pytest.mark.parametrize(
    ("looks_at", "expected", "word"),
    [
        (("text",), ("text",), "text"),
        (("image", "text"), ("text", "image"), "both"),
        ((), (), "none"),
        (("colour", "text"), ("text", "colour"), "text+colour"),
        (("colour", "text", "image"), ("text", "image", "colour"), "text+image+colour"),
    ],
)
@pytest.mark.usefixtures("colour")
def test_what_a_learner_looks_at_is_told_exactly(
    looks_at: tuple[str, ...], expected: tuple[str, ...], word: str
) -> None:
    found = modalities_of(Looking(*looks_at))
    assert found == expected and describe(found) == word


def test_a_learner_that_does_not_say_what_it_looks_at_is_unknown() -> None:
    assert modalities_of(Hash()) is None and describe(None) == "unknown"


@pytest.mark.parametrize("word", ["text", "image", "both", "unknown"])
def test_what_may_be_said_at_an_import_is_what_was_always_said(word: str) -> None:
    check_described(word)


@pytest.mark.parametrize("word", ["none", "sound", "text+sound", "text+image", ""])
def test_another_word_for_what_was_looked_at_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="Unknown modality"):
        check_described(word)


@pytest.mark.usefixtures("colour")
def test_at_an_import_several_modalities_are_named_together() -> None:
    check_described("text+colour")
    assert Task("colour_of_the_year", ("0", "1")).name  # only whole names are taken
