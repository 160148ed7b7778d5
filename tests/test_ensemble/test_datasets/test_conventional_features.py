"""Published pickles of features become plain tables; what is no array is refused by name, and nothing of it is run."""

import os
import pickle
import pickletools
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.datasets.conventional_features import FILE, convert_features
from ensemble.datasets.pickled_arrays import plain, read_arrays
from ensemble.errors import DataError

RANDOM = np.random.default_rng(0)
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def dumped(path: Path, content: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def mmsa(rows: int = 3) -> dict[str, Any]:
    """Padded at the end, lengths beside."""
    arrays = {
        "raw_text": np.array([f"so {n}" for n in range(rows)]),
        "id": [f"v$_${n:04}" for n in range(rows)],
        "audio": RANDOM.normal(size=(rows, 5, 4)),
        "audio_lengths": [2, 5, 3][:rows],
        "vision": RANDOM.normal(size=(rows, 6, 2)).astype(np.float32),
        "vision_lengths": np.array([6, 1, 2][:rows]),
        "text": RANDOM.normal(size=(rows, 4, 3)).astype(np.float32),
        "text_bert": np.zeros((rows, 3, 4)),
        "regression_labels": np.linspace(-3, 3, rows),
    }
    return {"train": arrays, "valid": arrays, "test": arrays}


def mult(rows: int = 2) -> dict[str, Any]:
    """Filled with zeros in front."""
    audio = RANDOM.normal(size=(rows, 4, 3))
    audio[0, :2] = 0
    audio[1, 3, 1] = -np.inf
    arrays = {"text": RANDOM.normal(size=(rows, 4, 5)), "audio": audio, "vision": RANDOM.normal(size=(rows, 4, 2))}
    ids = np.array([[b"v", b"0.5", b"2"], [b"w", b"1", b"2"]])
    return {"train": {**arrays, "labels": np.ones((rows, 1, 1)), "id": ids}}


def mag(rows: int = 2) -> dict[str, Any]:
    clips = [
        ((["so", "good"], RANDOM.normal(size=(2, 3)), RANDOM.normal(size=(2, 4))), np.array([[1.5]]), f"v[{n}]")
        for n in range(rows)
    ]
    return {"train": clips, "dev": clips[:1]}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_all_clips_become_a_row_per_clip(tmp_path: Path, protocol: int) -> None:
    content = mmsa()
    made = convert_features(dumped(tmp_path / "mosi.pkl", content, protocol), tmp_path / "out")
    assert made["rows"] == {"train": 3, "dev": 3, "test": 3}
    assert made["features"]["audio"] == {"width": 4, "frames": [2, 5, 3]}
    table = pq.read_table(tmp_path / "out" / FILE)
    assert table.column_names == ["id", "part", "label", "text", "audio_features", "text_features", "video_features"]
    first = table.slice(0, 3).to_pylist()
    assert [row["id"] for row in first] == ["v_0000", "v_0001", "v_0002"]
    assert [row["label"] for row in first] == [-3, 0, 3] and first[1]["text"] == "so 1"
    np.testing.assert_allclose(first[0]["audio_features"], content["train"]["audio"][0, :2], rtol=1e-6)
    np.testing.assert_array_equal(first[2]["video_features"], content["train"]["vision"][2, :2])


def test_zeros_in_front_are_cut_off_and_what_is_not_finite_is_said(tmp_path: Path) -> None:
    made = convert_features(dumped(tmp_path / "mosei.pkl", mult()), tmp_path)
    rows = pq.read_table(tmp_path / FILE).to_pylist()
    assert [len(row["audio_features"]) for row in rows] == [2, 4] and rows[1]["audio_features"][3][1] == 0
    assert [row["id"] for row in rows] == ["v_0.5_2", "w_1_2"] and rows[0]["label"] == 1
    assert made["notes"] == [
        "audio: 2 frames of zeros before and after clips, cut off",
        "audio: 1 values that are no finite numbers, now 0",
    ]


def test_lists_of_clips_are_read_too(tmp_path: Path) -> None:
    made = convert_features(dumped(tmp_path / "mag.pkl", mag()), tmp_path)
    assert made["rows"] == {"train": 2, "dev": 1} and sorted(made["features"]) == ["audio", "video"]
    rows = pq.read_table(tmp_path / FILE).to_pylist()
    assert [(row["id"], row["part"], row["text"]) for row in rows[1:]] == [
        ("v_1", "train", "so good"),
        ("v_0", "dev", "so good"),
    ]


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = dumped(tmp_path / "mag.pkl", mag())
    convert_features(path, tmp_path)
    with pytest.raises(DataError, match="is already there"):
        convert_features(path, tmp_path)


class Calls:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = function, arguments

    def __reduce__(self) -> Any:
        return self.called


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (Calls(os.system, "touch ran"), "'posix.system'"),
        (Calls(eval, "1"), "'builtins.eval'"),
        (Calls(np.load, "secret.npy"), "'numpy.load'"),
        (Calls(np.memmap, "ran", "u1", "w+", 0, (9,)), "'numpy.memmap'"),
        (np.random.default_rng(0), "numpy.random"),
        (np.ma.array([1.0]), "numpy.ma"),
        (Path("ran"), "'pathlib"),
        (complex(1, 2), "'builtins.complex'"),
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_whatever_else_a_pickle_asks_for_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: object, name: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    path = dumped(tmp_path / "features.pkl", {"train": [content]}, protocol)
    with pytest.raises(DataError, match=r"is refused: features are arrays and plain containers; it asks for") as caught:
        convert_features(path, tmp_path / "out")
    assert name.strip("'") in str(caught.value).replace("__builtin__", "builtins")
    assert not Path("ran").exists() and not Path("out").exists()


def array(
    shape: tuple[int, ...], code: str, data: object, state: tuple[object, ...] = ("<", None, None, None)
) -> bytes:
    """A pickle of an array of which everything can be said."""
    stack = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tK\x00tR"
    inner = pickle.dumps((1, shape), 2)[2:-1]
    kind = b"cnumpy\ndtype\n" + pickle.dumps((code, False, True), 2)[2:-1] + b"R" + pickle.dumps((3, *state), 2)[2:-1]
    inner = b"(K\x01" + pickle.dumps(shape, 2)[2:-1] + kind + b"b\x89" + pickle.dumps(data, 3)[2:-1] + b"t"
    return b"\x80\x03" + stack + inner + b"b."


def test_such_an_array_is_read_where_nothing_is_wrong_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(array((2,), "f4", struct.pack("<2f", 1, 2)))
    assert plain(read_arrays(path)).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (array((1 << 40,), "f4", b"1234"), "not what its shape says"),
        (array((-1,), "f4", b"1234"), "an array of the shape"),
        (array((1,), "O8", b"12345678"), "not what its shape says"),
        (array((2,), "O8", [1]), "not what its shape says"),
        (array((1,), "V8", b"12345678"), "values of the type 'V8'"),
        (array((1,), "M8", b"12345678"), "values of the type 'M8'"),
        (array((1,), "f4", b"1234", ("<", ("f4", (1,)), None, None)), "values of several fields"),
        (array((1,), "f4", b"1234", ("<", None, ("a",), {"a": 1})), "values of several fields"),
        (array((1,), "U999999999", b"1234"), "values of the type"),
        (b"cnumpy\ndtype\n}b.", "the state of a function"),
        (b"cnumpy\nndarray\n)R.", "an array without its state"),
        (b"cnumpy\nndarray\n)\x81.", "is no complete pickle"),
        (b"c__builtin__\nbytes\n(K\x09tR.", "bytes made of something"),
        (b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.", "the encoding of a text"),
        (b"\x80\x02r\xff\xff\xff\xff.", "is no complete pickle"),
        (b"\x8e" + struct.pack("<Q", 1 << 40) + b"abc.", "is no complete pickle"),
        (b"\x96" + struct.pack("<Q", 1 << 40) + b"abc.", "is no complete pickle"),
        (array((1 << 40,), "U0", b""), "not what its shape says"),
        (b"\x82\x01.", "is no complete pickle"),
        (b"P1\n.", "objects that are elsewhere"),
        (b"<html>", "is a web page, no pickle"),
        (b"id,text\n1,so good\n2,bad\n", "is no complete pickle"),
        (b"", "is no complete pickle"),
    ],
)
def test_crafted_arrays_are_refused(tmp_path: Path, made: bytes, message: str) -> None:
    (tmp_path / "a.pkl").write_bytes(made)
    with pytest.raises(DataError, match=message):
        read_arrays(tmp_path / "a.pkl")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"fold": {}}, "has 'fold'; it must have parts called 'train'"),
        ([1], "has list"),
        ({"train": {"words": [1]}}, "its part 'train' has 'words'; arrays of equally many clips"),
        ({"train": {"audio": np.zeros((2, 1, 1)), "labels": [1]}}, "'audio': 2, 'labels': 1"),
        ({"train": [(1, 2, 3)]}, "clip 0 of its part 'train' is not"),
        ({"train": {"audio": np.array(["a", "b"])}}, "has audio of <U1 and 0 dimensions"),
        ({"train": {"audio": [np.ones((2, 3)), np.ones((2, 4))]}}, "has audio of the width 4, others of 3"),
        ({"train": [], "test": []}, "has no clips"),
    ],
)
def test_other_layouts_are_refused_and_nothing_is_left(tmp_path: Path, content: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        convert_features(dumped(tmp_path / "a.pkl", content), tmp_path / "out")
    assert list(tmp_path.glob("out/*")) == []


def test_an_array_named_again_and_again_does_not_fill_the_disk(tmp_path: Path) -> None:
    large = np.ones((1000, 1000), dtype=np.float32)
    clips = [((["a"], large, large), 1.0, str(n)) for n in range(400)]
    with pytest.raises(DataError, match="far more than the file itself"):
        convert_features(dumped(tmp_path / "a.pkl", {"train": clips}), tmp_path / "out")
    assert list(tmp_path.glob("out/*")) == []


def nested(value: object, depth: int) -> object:
    """Ten times the same, so often that all memory would not hold what a few bytes say."""
    return value if depth == 0 else [nested(value, depth - 1)] * 10


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)
FRAME = np.ones((1, 2))


@pytest.mark.parametrize(
    "part",
    [
        {"audio": 5},
        {"audio": [1, None]},
        {"audio": [FRAME], "audio_lengths": []},
        {"audio": [FRAME], "id": [nested("a", 12)]},
        {"audio": [FRAME], "id": [ENDLESS]},
        {"audio": [nested(1.0, 12)]},
        {"audio": [ENDLESS]},
        [((["a"], FRAME, nested(1.0, 12)), 1.0, "a")],
    ],
    ids=range(8),
)
def test_what_is_no_clip_is_refused_in_one_line_and_not_made_large(tmp_path: Path, part: object) -> None:
    with pytest.raises(DataError, match=r"not understood|frames of numbers are read") as caught:
        convert_features(dumped(tmp_path / "a.pkl", {"train": part}), tmp_path / "out")
    assert "\n" not in str(caught.value) and list(tmp_path.glob("out/*")) == []


def test_labels_in_lists_of_lists_are_their_first_number_or_none(tmp_path: Path) -> None:
    labels = [[[1.5, 2.0]], [], nested(1.0, 12)]
    content = {"train": {"audio": np.ones((3, 1, 2)), "labels": labels}}
    convert_features(dumped(tmp_path / "a.pkl", content), tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / FILE)["label"].to_pylist() == [1.5, None, None]


SCALARS = st.one_of(st.integers(-(2**40), 2**40), st.floats(allow_nan=False), st.text(), st.booleans(), st.none())
ARRAYS = st.builds(
    lambda shape, kind, fortran: np.asarray(
        np.arange(np.prod(shape)).reshape(shape).astype(kind), order="F" if fortran else "C"
    ),
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.sampled_from(["f8", ">f4", "i8", "u1", "b1", "U5", "S3", "f2", "O"]),
    st.booleans(),
)


@given(st.recursive(SCALARS | ARRAYS, lambda inner: st.lists(inner, max_size=3)), st.sampled_from(PROTOCOLS))
def test_what_numpy_reads_is_read_as_it_reads_it(
    tmp_path_factory: pytest.TempPathFactory, content: Any, protocol: int
) -> None:
    path = dumped(tmp_path_factory.mktemp("pickle") / "a.pkl", content, protocol)
    assert_same(read_arrays(path), content)


def assert_same(found: Any, wanted: Any) -> None:
    found = plain(found)
    if isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif isinstance(wanted, np.ndarray):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype and found.shape == wanted.shape
    else:
        assert found == wanted


@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_damaged_pickle_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    whole = pickle.dumps(mag(1), 2)
    path = tmp_path_factory.mktemp("pickle") / "a.pkl"
    path.write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    try:
        read_arrays(path)
    except DataError as error:
        assert "\n" not in str(error)


def test_the_opcodes_of_protocols_are_those_that_numpy_writes() -> None:
    """So that a numpy that writes arrays in another way is noticed here."""
    names = {f"{found}" for code, found, _ in pickletools.genops(pickle.dumps(np.ones(2), 2)) if code.name == "GLOBAL"}
    assert names <= {
        "numpy._core.multiarray _reconstruct",
        "numpy ndarray",
        "numpy dtype",
        "_codecs encode",
    }
