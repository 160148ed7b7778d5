"""A valid table, and the refusal of every other."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.data import Dataset
from ensemble.errors import DataError
from ensemble.system.files import file_hash


def frame(**columns: list[object]) -> pd.DataFrame:
    rows = {
        "id": ["a", "b", "c"],
        "text": ["x", None, "z"],
        "image": [None, "b.jpg", None],
        "part": ["train", "train", "test"],
        "sentiment": ["positive", None, "negative"],
    }
    return pd.DataFrame(rows | columns, dtype=object)


def dataset(**columns: list[object]) -> Dataset:
    return Dataset(frame(**columns), Path("."), (SENTIMENT,))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="no column 'part', 'sentiment'; it has"):
        Dataset(frame().drop(columns=["part", "sentiment"]), Path("."), (SENTIMENT,))


def test_a_table_may_lack_a_modality_but_not_all() -> None:
    silent = Dataset(frame().drop(columns=["text"]), Path("."), (SENTIMENT,))
    assert silent.texts == silent.keys("text") == [None] * 3
    with pytest.raises(DataError, match="no column of a modality: 'text', 'image', 'audio', 'video'; it has"):
        Dataset(frame().drop(columns=["text", "image"]), Path("."), (SENTIMENT,))


def test_repeated_ids_are_refused_and_named() -> None:
    with pytest.raises(DataError, match="1 ids appear more than once: 'a'"):
        dataset(id=["a", "b", "a"])


def test_an_unknown_label_is_refused_with_row_and_value() -> None:
    with pytest.raises(DataError, match=r"Row 'c' has sentiment 'meh'; it must be one of \['negative'"):
        dataset(sentiment=["positive", None, "meh"])


def test_missing_texts_images_and_labels_are_none_and_minus_one() -> None:
    data = dataset()
    assert data.texts == ["x", None, "z"]
    assert data.images == [None, "b.jpg", None]
    assert data.labels(SENTIMENT).tolist() == [2, -1, 0]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_every_kind_of_missing_value_counts_as_missing(missing: object) -> None:
    data = dataset(text=["x", missing, "z"], sentiment=["positive", missing, missing])
    assert data.texts == ["x", None, "z"]
    assert data.labels(SENTIMENT).tolist() == [2, -1, -1]


def test_take_keeps_the_order_asked_for() -> None:
    assert dataset().take([2, 0]).ids.tolist() == ["c", "a"]


def test_take_understands_a_mask() -> None:
    assert dataset().take(np.array([True, False, True])).ids.tolist() == ["a", "c"]


def test_take_of_no_rows_is_an_empty_dataset() -> None:
    none = dataset().take(np.array([], dtype=np.int64))
    assert len(none) == 0
    assert none.labels(SENTIMENT).shape == (0,)


def test_take_leaves_the_original_alone() -> None:
    data = dataset()
    taken = data.take([0]).frame
    taken.loc[0, "text"] = "changed"
    assert data.texts == ["x", None, "z"]


def test_without_labels_every_label_of_every_task_is_missing() -> None:
    blind = toy_table(20, tasks=(SENTIMENT, SARCASM)).without_labels()
    assert all((blind.labels(task) == -1).all() for task in blind.tasks)


def test_rows_are_their_own_group_until_groups_are_known() -> None:
    assert len(set(dataset().groups)) == 3
    grouped = dataset().with_columns(group=[7, 9, 7]).groups
    assert grouped[0] == grouped[2] != grouped[1]


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(DataError, match=r"Unknown task 'sentimental'. Did you mean 'sentiment'\?"):
        dataset().task("sentimental")


def test_image_hashes_come_from_the_files_or_from_the_column(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"picture")
    data = Dataset(frame(), tmp_path, (SENTIMENT,))
    assert data.image_hashes() == [None, sha256(b"picture").hexdigest(), None]
    assert data.with_columns(image_hash=["x", "y", None]).image_hashes() == ["x", "y", None]


def test_file_hash_is_the_sha256_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc" * 100_000)
    assert file_hash(tmp_path / "f") == sha256(b"abc" * 100_000).hexdigest()
