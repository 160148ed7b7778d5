"""Frames cut to faces: where they are is looked for once per clip, and what has none counts as nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import SHARED
from support.clips import square, write_video
from support.faces import write_bright_detector, write_random_detector

from base_models.faces.detection import find_faces
from base_models.faces.networks import load_networks
from base_models.faces.preparation import LONGEST, SIZE, Faces, _cut, _shrunk, _told
from ensemble.content.frames import read_frames
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache


def table(root: Path, cells: list[str | None], modality: str = "video") -> Dataset:
    ids = [f"post{number}" for number in range(len(cells))]
    return Dataset(pd.DataFrame({"id": ids, "part": "train", modality: cells}, dtype=object), root, ())


def comes_late(time: float, size: tuple[int, int], seed: int) -> Image.Image:
    """Darkness, and from the first second on a square."""
    return Image.new("RGB", size, (30, 30, 30)) if time < 1 else square(time, size, seed)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips with a square, one in which it comes late, one without any; and the detector that takes it for a face."""
    folder = tmp_path_factory.mktemp("clips")
    for number in range(3):
        write_video(folder / f"{number}.mp4", 1.0, seed=number)
    write_video(folder / "late.mp4", 2.0, draw=comes_late)
    write_video(folder / "dark.mp4", 0.6, draw=lambda _, size, seed: Image.new("RGB", size, (30, 30, 30)))
    square(1.0).save(folder / "picture.png")
    write_bright_detector(folder / "bright.safetensors")
    return folder


def faces_of(root: Path, cache: FeatureCache, **settings: Any) -> Faces:
    return Faces(
        **{"faces": "mtcnn", "detector": str(root / "bright.safetensors"), "fps": 5, "cache": cache, **settings}
    )


def pictures(path: Path, fps: float = 5) -> list[Image.Image]:
    return list(read_frames(path, fps).pictures)


def counts(clips: int, frames: int, without_face: int, without_any: int) -> dict[str, int]:
    return {
        "clips": clips,
        "frames": frames,
        "frames_without_face": without_face,
        "clips_without_face": without_any,
    }


CLIPS = ["0.mp4", "late.mp4", None, "dark.mp4", "0.mp4"]


def test_frames_are_cut_to_the_largest_face_and_frames_without_one_are_nothing(root: Path, tmp_path: Path) -> None:
    data, faces = table(root, CLIPS), faces_of(root, FeatureCache(tmp_path))
    faces.fill(data)
    late = faces(data.keys("video")[1], pictures(root / "late.mp4"))
    assert [face is None for face in late] == [True] * 5 + [False] * 5
    for face in late[5:]:
        assert face is not None and face.size == (SIZE, SIZE) and face.mode == "RGB"
        assert np.asarray(face).mean() > 120  # a white square, and little around it
    assert faces(data.keys("video")[3], pictures(root / "dark.mp4")) == [None] * 3


def test_frames_and_faces_are_counted_each_clip_once(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _told.cache_clear()
    data, faces = table(root, CLIPS), faces_of(root, FeatureCache(tmp_path))
    for part in (data, data, data.take([1, 3])):
        faces.fill(part)
    assert faces.count(data) == counts(3, 18, 8, 1)
    assert faces.count(data.take([0])) == counts(1, 5, 0, 0)
    assert caplog.messages == ["8 of 18 frames show no face and count as nothing; in 1 of 3 videos none does."]


def test_of_a_long_clip_only_the_begin_is_searched(root: Path, tmp_path: Path) -> None:
    data, faces = table(root, ["late.mp4"]), faces_of(root, FeatureCache(tmp_path), seconds=0.8)
    faces.fill(data)
    assert faces.count(data) == counts(1, 4, 4, 1)


def test_larger_frames_are_cut_at_the_same_place(root: Path, tmp_path: Path) -> None:
    data, faces = table(root, CLIPS), faces_of(root, FeatureCache(tmp_path))
    faces.fill(data)
    frames = pictures(root / "0.mp4")
    large = [frame.resize((960, 640)) for frame in frames]
    for one, other in zip(faces(data.keys("video")[0], frames), faces(data.keys("video")[0], large), strict=True):
        assert one is not None and other is not None
        assert np.abs(centre(one) - centre(other)).max() < 8


def centre(face: Image.Image) -> Any:
    """Of what is bright."""
    return np.argwhere(np.asarray(face.convert("L")) > 150).mean(axis=0)


def test_faces_are_looked_for_once_whoever_asks(root: Path, tmp_path: Path) -> None:
    faces_of(root, FeatureCache(tmp_path)).fill(table(root, CLIPS))
    kept = FeatureCache(tmp_path)
    faces_of(root, kept).fill(table(root, CLIPS))
    assert kept.spent == {}
    names = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert len(names) == 1 and names[0].startswith("faces-")
    assert sum(path.stat().st_size for path in (tmp_path / names[0]).glob("*.npy")) < 2000
    for other in (
        {"fps": 4},
        {"seconds": 9},
        {"margin": 9},
        {"detector": str(write_random_detector(tmp_path / "other.safetensors"))},
    ):
        assert faces_of(root, kept, **other).identity != faces_of(root, kept).identity


def test_a_run_killed_while_faces_are_sought_goes_on_with_the_same_bytes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("base_models.faces.preparation.BLOCK", 2)
    data = table(root, ["0.mp4", "late.mp4", "1.mp4", "dark.mp4", "2.mp4"])

    def killed(items: Any, label: str, total: int) -> Iterator[Any]:
        yield from list(items)[:1]
        raise KeyboardInterrupt

    faces_of(root, FeatureCache(tmp_path / "whole")).fill(data)
    with pytest.raises(KeyboardInterrupt):
        faces_of(root, FeatureCache(tmp_path / "killed", killed)).fill(data)
    some = written(tmp_path / "killed")
    faces_of(root, FeatureCache(tmp_path / "killed")).fill(data)
    assert some.items() < written(tmp_path / "killed").items() == written(tmp_path / "whole").items()


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("faces-*/*.npy")}


def test_an_image_is_one_frame(root: Path, tmp_path: Path) -> None:
    data = table(root, ["picture.png", None], "image")
    faces = faces_of(root, FeatureCache(tmp_path), modality="image")
    faces.fill(data)
    with Image.open(root / "picture.png") as picture:
        (face,) = faces(data.keys("image")[0], [picture])
    assert face is not None and face.size == (SIZE, SIZE)
    assert faces.count(data) == counts(1, 1, 0, 0)


def test_given_faces_are_resized_and_whole_frames_left_alone(root: Path) -> None:
    frames = pictures(root / "0.mp4")
    given_faces = Faces("given", None, 5, FeatureCache())
    whole = Faces("none", None, 5, FeatureCache())
    for faces in (given_faces, whole):
        faces.fill(table(root, CLIPS))
        assert faces.sources() == [] and faces.count(table(root, CLIPS)) == {}
    assert {face.size for face in given_faces("key", frames) if face} == {(SIZE, SIZE)}
    assert whole("key", frames) == frames
    assert whole.identity == [] and given_faces.identity


def test_settings_that_do_not_go_together_are_refused(root: Path) -> None:
    with pytest.raises(LearnerError, match='faces = "mtcnn" needs detector'):
        faces_of(root, FeatureCache(), detector=None)
    for other in ("none", "given"):
        with pytest.raises(LearnerError, match=f'detector is set, and faces = "{other}" looks for none'):
            faces_of(root, FeatureCache(), faces=other)
    with pytest.raises(LearnerError, match="No such checkpoint"):
        faces_of(root, FeatureCache(), detector=str(root / "nothing.safetensors")).check()


def test_a_clip_that_has_gone_or_changed_since_is_said(root: Path, tmp_path: Path) -> None:
    data = table(tmp_path, ["gone.mp4"]).with_columns(video_hash=["hash"])
    faces = faces_of(root, FeatureCache(tmp_path / "cache"))
    with pytest.raises(LearnerError, match="1 files could be read when scanned and cannot be now"):
        faces.fill(data)
    with pytest.raises(LearnerError, match="looked for in 0 frames of a video that has 5 now; run the command again"):
        faces("hash", pictures(root / "0.mp4"))


SHARES = st.floats(-0.5, 1.4)


@given(st.tuples(SHARES, SHARES), st.floats(0.01, 2), st.floats(0.01, 2), st.integers(0, 255), st.integers(1, 300))
def test_a_cut_face_has_256_pixels_in_rgb_wherever_its_box_lies(
    corner: tuple[float, float], width: float, height: float, margin: int, side: int
) -> None:
    first = np.minimum(corner, 0.95)
    box = np.array([*first, *np.maximum(first + np.array([width, height]), 0.05), 0.9], dtype=np.float32)
    face = _cut(square(1.0).resize((side, 2 * side)), box, margin)
    assert face.size == (SIZE, SIZE) and face.mode == "RGB"


def test_a_margin_shows_more_of_the_frame() -> None:
    frame = Image.new("RGB", (100, 100))
    frame.paste((255, 255, 255), (40, 40, 60, 60))
    box = np.array([0.4, 0.4, 0.6, 0.6, 0.9], dtype=np.float32)
    bright = [np.asarray(_cut(frame, box, margin)).mean() / 255 for margin in (0, 128)]
    assert bright[0] == 1 and bright[1] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("size", [(4000, 3000), (100, 90), (360, 500), (30, 20_000), (5000, 400), (1, 1)])
def test_frames_are_searched_at_a_size_that_is_bounded(size: tuple[int, int]) -> None:
    small = _shrunk(Image.new("RGB", size))
    assert max(small.size) <= LONGEST and min(small.size) <= 360
    if max(size) <= 500:
        assert small.size == size
    elif min(size) > 360:
        assert min(small.size) == 360 or max(small.size) == LONGEST


@pytest.mark.real_data
def test_a_real_clip_shows_one_speaker_in_every_frame(tmp_path: Path) -> None:
    weights = SHARED / "weights/mtcnn/mtcnn.safetensors"
    data = table(SHARED / "data/mosi/clips", ["Oz06ZWiO20M_6.mp4"])
    faces = Faces("mtcnn", str(weights), 3, FeatureCache(tmp_path))
    faces.fill(data)
    assert faces.count(data) == counts(1, 23, 0, 0)
    frames = pictures(data.root / "Oz06ZWiO20M_6.mp4", 3)
    shown = faces(data.keys("video")[0], frames)
    assert [face.size for face in shown if face] == [(SIZE, SIZE)] * 23
    boxes = np.array([found[0] for found in find_faces(load_networks(str(weights)), frames)])
    width, height = (boxes[:, 2:4] - boxes[:, :2]).T
    assert (boxes[:, 4] > 0.99).all() and (boxes[:, :4] >= 0).all() and (boxes[:, :4] <= (480, 360, 480, 360)).all()
    assert ((width > 100) & (width < 180) & (width < height) & (height < 1.6 * width)).all()
    centres = (boxes[:, :2] + boxes[:, 2:4]) / 2
    assert np.abs(np.diff(centres, axis=0)).max() < 60  # a head moves, and does not jump
