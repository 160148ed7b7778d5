"""The layout of the CMU SDK: labels in HDF5 that points nowhere, transcripts, lists of videos."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.clips import tone, write_video

from ensemble.content.audit import audit
from ensemble.content.scan import scan
from ensemble.datasets import cmu
from ensemble.datasets.csd import read_csd
from ensemble.errors import DataError, EnsembleError

LABELS = {
    "a": ([2.4, -3.0], [[0.5, 2.5], [2.5, 4.0]]),
    "b": ([0.0], [[1.0, 1.0]]),
    "c": ([np.nan], [[0.0, 1.0]]),
}
FOLDS = """standard_train_fold=['a', 'gone']
standard_valid_fold=['b']
standard_test_fold=['c']
"""
Made = Callable[[h5py.Group], None]


def csd(path: Path, labels: Any = LABELS, root: str = "Opinion Segment Labels", columns: int = 1) -> Path:
    with h5py.File(path, "w") as file:
        for video, (values, intervals) in labels.items():
            group = file.create_group(f"{root}/data/{video}")
            features = np.array(values, dtype=np.float32).reshape(-1, 1).repeat(columns, axis=1)
            group.create_dataset("features", data=features, compression="gzip")
            group.create_dataset("intervals", data=np.array(intervals, dtype=np.float64))
    return path


def mosi(root: Path) -> None:
    csd(root / "labels.csd")
    folder = root / "Raw/Transcript/Segmented"
    folder.mkdir(parents=True)
    (folder / "a.annotprocessed").write_text("1_DELIM_SO GOOD\n2_DELIM_NOT_DELIM_BAD\n")
    (folder / "b.annotprocessed").write_text("1_DELIM_FINE\n")
    (root / "folds.py").write_text(FOLDS)


def test_labels_transcripts_and_lists_make_one_table(tmp_path: Path) -> None:
    mosi(tmp_path)
    data = cmu.read(tmp_path, "labels.csd", parts="folds.py")
    assert data.ids.tolist() == ["a_1", "a_2", "b_1", "c_1"]
    assert data.texts == ["SO GOOD", "NOT_DELIM_BAD", "FINE", None]
    assert data.frame["part"].tolist() == ["train", "train", "dev", "test"]
    assert data.frame["group"].tolist() == ["a", "a", "b", "c"]
    np.testing.assert_array_equal(data.labels(data.tasks[0]), [2.4, -3, 0, np.nan])
    assert data.frame["seconds"].tolist() == [2.0, 1.5, 0.0, 1.0]
    assert "labels.csd: 1 videos of the part 'train' have no labels ('gone')" in data.notes
    assert "labels.csd: 1 videos have no transcript ('c')" in data.notes


def test_segmented_files_are_compared_with_their_intervals(tmp_path: Path) -> None:
    mosi(tmp_path)
    (tmp_path / "Raw/Video/Segmented").mkdir(parents=True)
    for name, seconds in (("a_1", 2), ("a_2", 4), ("b_1", 1)):
        write_video(tmp_path / f"Raw/Video/Segmented/{name}.mp4", seconds, sound=tone(seconds))
    data, scans = scan(cmu.read(tmp_path, "labels.csd", parts="folds.py"))
    assert data.cells("video")[:2] == ["Raw/Video/Segmented/a_1.mp4", "Raw/Video/Segmented/a_2.mp4"]
    doubts = audit(data, scans)["doubts"]
    assert "clips whose interval has no length: 1 ('b_1')" in doubts
    assert "videos whose length is over 0.5 s from their interval's: 1 of 2 (a_2 4.0 s of 1.5)" in doubts


def test_segments_of_mosei_are_known_by_their_intervals(tmp_path: Path) -> None:
    videos = {"a": ([1.0, -1.0, 2.0], [[9.01, 12.0], [-0.03, 4.0], [50.0, 60.0]]), "v___b": ([0.5], [[1, 2]])}
    csd(tmp_path / "labels.csd", videos, "All Labels", columns=7)
    folder = tmp_path / "Raw/Transcript/Segmented/Combined"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("a___0___-0.03___4.0___begins\na___1___4___9___none\na___2___9___12___ends___so\n")
    (folder / "v___b.txt").write_text("v___b___7___1.0___2.0___other\n")
    data = cmu.read(tmp_path, "labels.csd")
    assert data.ids.tolist() == ["a_2", "a_0", "v___b_7"]
    assert data.texts == ["ends___so", "begins", "other"]
    assert data.labels(data.tasks[0]).tolist() == [1, -1, 0.5]
    assert "labels.csd: 1 labels are left out: no line of a transcript has their interval (videos 'a')" in data.notes
    assert any("six emotions" in note for note in data.notes)
    assert any("all clips are for training" in note for note in data.notes)


def test_parts_may_come_from_a_table(tmp_path: Path) -> None:
    csd(tmp_path / "labels.csd")
    (tmp_path / "label.csv").write_text("video_id,mode\na,train\nb,test\n")
    data = cmu.read(tmp_path, "labels.csd", parts="label.csv")
    assert data.frame["part"].tolist() == ["train", "train", "test"]
    assert "labels.csd: 1 videos are left out, as label.csv has no part for them ('c')" in data.notes
    assert any("there are no transcripts" in note for note in data.notes)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ("import os\nos.system('touch ran')\n", "it must have standard_train_fold"),
        (FOLDS.replace("['a', 'gone']", "[x for x in 'a']"), "not a file of lists of videos"),
        (FOLDS.replace("['b']", "['a']"), "videos are in several parts: 'a'"),
        (FOLDS.replace("['b']", "[1]"), "each a list of ids"),
        ("(" * 5000, "not a file of lists"),
    ],
)
def test_odd_lists_are_refused_and_nothing_of_them_is_run(tmp_path: Path, folds: str, message: str) -> None:
    mosi(tmp_path)
    (tmp_path / "folds.py").write_text(folds)
    with pytest.raises(DataError, match=message):
        cmu.read(tmp_path, "labels.csd", parts="folds.py")
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("transcript", "message"),
    [
        ("1_DELIM_ONE\n", "'a' has 2 labels and a transcript of 1 lines, numbered otherwise"),
        ("1_DELIM_ONE\n3_DELIM_TWO\n", "numbered otherwise"),
        ("1_DELIM_ONE\n1_DELIM_TWO\n", "numbered otherwise"),
        ("1_DELIM_ONE\nTWO\n", "line 2 is 'TWO'; it must be a segment's number, _DELIM_, its text"),
    ],
)
def test_a_transcript_that_does_not_fit_its_labels_is_refused(tmp_path: Path, transcript: str, message: str) -> None:
    mosi(tmp_path)
    (tmp_path / "Raw/Transcript/Segmented/a.annotprocessed").write_text(transcript)
    with pytest.raises(DataError, match=message):
        cmu.read(tmp_path, "labels.csd")


def test_segments_out_of_order_are_refused(tmp_path: Path) -> None:
    csd(tmp_path / "labels.csd", {"a": ([1, 2], [[5, 6], [1, 2]])})
    with pytest.raises(DataError, match="intervals of video 'a' do not ascend"):
        cmu.read(tmp_path, "labels.csd")


def test_labels_out_of_bounds_are_refused_with_their_clip(tmp_path: Path) -> None:
    csd(tmp_path / "labels.csd", {"a": ([1, 3.5], [[1, 2], [2, 3]])})
    with pytest.raises(DataError, match=r"row 'a_2' has label '3\.5'; it must be a number from -3 to 3"):
        cmu.read(tmp_path, "labels.csd")


@pytest.mark.parametrize(
    "options", [{"file": "labels.csd", "labels": ("label_T",)}, {"file": "label.csv", "parts": "folds.py"}]
)
def test_options_of_the_other_layout_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(EnsembleError, match=r"\.csd file"):
        cmu.read(tmp_path, **options)


def external_link(video: h5py.Group) -> None:
    del video["features"]
    video["features"] = h5py.ExternalLink("secret.h5", "/numbers")


def soft_link(video: h5py.Group) -> None:
    del video["features"]
    video["features"] = h5py.SoftLink("intervals")


def external_storage(video: h5py.Group) -> None:
    del video["features"]
    video.create_dataset("features", (2, 1), "f4", external=[("secret.h5", 0, 8)])


def virtual(video: h5py.Group) -> None:
    del video["features"]
    layout = h5py.VirtualLayout((2, 1), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "numbers", (2, 1))
    video.create_virtual_dataset("features", layout)


def texts(video: h5py.Group) -> None:
    del video["features"]
    video["features"] = np.array([["a"], ["b"]], dtype=object)


def huge(video: h5py.Group) -> None:
    del video["features"]
    video.create_dataset("features", (1 << 40, 1), "f4", chunks=(1 << 10, 1))


def huge_chunk(video: h5py.Group) -> None:
    del video["features"]
    video.create_dataset("features", (2, 1), "f4", chunks=(1 << 25, 1), maxshape=(None, 1))


def shorter(video: h5py.Group) -> None:
    del video["features"]
    video["features"] = np.zeros((1, 1))


def no_times(video: h5py.Group) -> None:
    del video["intervals"]
    video["intervals"] = np.array([[0.5, np.nan], [2.5, 4.0]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (external_link, "a/features is a link to another file, which is not followed"),
        (soft_link, "a/features is a link to another place"),
        (external_storage, "keeps its numbers in other files"),
        (virtual, "keeps its numbers in other files"),
        (texts, "holds object"),
        (huge, "over the limit"),
        (huge_chunk, "coded in a way that is not read here"),
        (shorter, r"has \(1, 1\) labels and \(2, 2\) intervals"),
        (no_times, "a has intervals that begin or end at no number"),
    ],
)
def test_what_points_into_other_files_or_is_no_table_is_refused(tmp_path: Path, change: Made, message: str) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["numbers"] = np.ones((2, 1), dtype=np.float32)
    path = csd(tmp_path / "labels.csd")
    with h5py.File(path, "r+") as file:
        change(file["Opinion Segment Labels/data/a"])
    with pytest.raises(DataError, match=message):
        read_csd(path)


def test_many_names_of_one_video_do_not_fill_the_memory(tmp_path: Path) -> None:
    path = csd(tmp_path / "labels.csd", {"a": ([0.0] * 5_000, [[0, 1]] * 5_000)}, columns=64)
    with h5py.File(path, "r+") as file:
        data = file["Opinion Segment Labels/data"]
        for number in range(100):
            data[f"b{number}"] = data["a"]
    with pytest.raises(DataError, match="its videos have over 10,000,000 labels and times"):
        read_csd(path)


def test_a_root_that_is_a_link_is_refused(tmp_path: Path) -> None:
    csd(tmp_path / "other.csd")
    with h5py.File(tmp_path / "labels.csd", "w") as file:
        file["All Labels"] = h5py.ExternalLink("other.csd", "/Opinion Segment Labels")
    with pytest.raises(DataError, match="/All Labels is a link to another file"):
        read_csd(tmp_path / "labels.csd")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>", "a web page, no HDF5 file"),
        (b"", "something else, no HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "not a readable .csd file"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "labels.csd").write_bytes(content)
    with pytest.raises(DataError, match=message):
        cmu.read(tmp_path, "labels.csd")


def test_other_roots_are_named(tmp_path: Path) -> None:
    csd(tmp_path / "labels.csd", root="COVAREP")
    with pytest.raises(DataError, match=r"labels are under one of .* and it has 'COVAREP'"):
        read_csd(tmp_path / "labels.csd")


def test_a_damaged_file_is_refused_in_one_line_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = csd(tmp_path / "labels.csd").read_bytes()
    for end in range(8, len(whole), max(1, len(whole) // 40)):
        (tmp_path / "cut.csd").write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"cut\.csd: not a"):
            read_csd(tmp_path / "cut.csd")
