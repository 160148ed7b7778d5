"""The clips that the demo draws: what decides them, that they are the same each time, that they are what they say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cli import film
from cli.drawn_clips import FPS, RATE, SECONDS, WORLDS, draw_clips, draw_frames, invent, invent_speakers, rate, speak
from cli.film import write_film
from ensemble.content.frames import read_frames
from ensemble.content.sounds import read_sound


def error_of(parts: np.ndarray, sentiments: np.ndarray) -> float:
    """Mean absolute error of the least squares on these."""
    design = np.column_stack([parts, np.ones(len(parts))])
    return float(np.abs(design @ np.linalg.lstsq(design, sentiments)[0] - sentiments).mean())


@pytest.mark.parametrize("world", WORLDS)
def test_all_three_modalities_tell_more_than_any_of_them(world: str, random: np.random.Generator) -> None:
    speakers = invent_speakers(20, random)
    clips = [invent(speakers, random) for _ in range(400)]
    sentiments = np.array(rate(clips, world, random))
    assert np.abs(sentiments).max() <= 3
    parts = np.array([[clip.face, clip.tone, clip.words] for clip in clips])
    alone = {name: error_of(parts[:, [at]], sentiments) for at, name in enumerate(("face", "tone", "words"))}
    assert error_of(parts, sentiments) < min(alone.values()) - 0.1
    if world in alone:
        assert min(alone, key=alone.__getitem__) == world


def test_the_same_seed_draws_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        draw_clips(tmp_path / name, 14, new=2)
    made = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.*"))
    assert len(made) == 14 + 10 + 2 + 3
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes() for name in made)


def test_speakers_of_new_clips_are_nowhere_else_and_only_training_clips_have_a_sentiment(
    tmp_path: Path,
) -> None:
    draw_clips(tmp_path, 60, new=5)
    train, test, new = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("clips", "test", "new"))
    assert (len(train), len(test), len(new)) == (60, 10, 5)
    assert not set(train["speaker"]) & set(test["speaker"])
    assert train["sentiment"].between(-3, 3).all() and "sentiment" not in test and "sentiment" not in new
    assert train["file"].isna().any() or train["caption"].isna().any()
    assert train["caption"].duplicated().any()


@pytest.mark.parametrize("codecs", [("libx264", "mpeg4"), ("a codec that is not there", "mpeg4")])
def test_a_film_is_written_with_the_codec_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random: np.random.Generator, codecs: tuple[str, ...]
) -> None:
    monkeypatch.setattr(film, "PICTURE_CODECS", codecs)
    clip = invent(invent_speakers(1, random), random)
    write_film(tmp_path / "clip.mp4", draw_frames(clip), FPS, speak(clip), RATE)
    write_film(tmp_path / "silent.mp4", draw_frames(clip), FPS, None)
    seen, heard = read_frames(tmp_path / "clip.mp4", FPS), read_sound(tmp_path / "clip.mp4")
    assert len(seen.pictures) == round(SECONDS * FPS) and not seen.trouble and not heard.trouble
    assert heard.seconds == pytest.approx(SECONDS, abs=0.01)
    drawn, back = np.asarray(draw_frames(clip)[5], dtype=float), np.asarray(seen.pictures[5], dtype=float)
    assert np.abs(drawn - back).mean() < 8
    assert np.corrcoef(heard.samples[: len(speak(clip))], speak(clip)[: len(heard.samples)])[0, 1] > 0.9
    assert len(read_frames(tmp_path / "silent.mp4", 2).pictures) == 4
