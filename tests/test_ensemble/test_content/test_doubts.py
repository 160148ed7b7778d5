"""What is wrong with posts is said before anything is trained: missing contents, labels too few for the folds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.world import SENTIMENT, toy_table

from ensemble.content.doubts import _explained, content_doubts, label_doubts
from ensemble.content.scan import scan
from ensemble.data import Dataset, Task
from ensemble.errors import DataError, FoldError
from ensemble.folds import FoldPlan, FoldSettings, make_plan

READERS = {"tfidf": ("text",), "clip": ("text", "image"), "prior": (), "mine": None}


def planned(data: Dataset, k: int = 5) -> FoldPlan:
    return make_plan(data, np.arange(len(data)), FoldSettings(k))


def labelled(*counts: int) -> Dataset:
    """As many rows of each class as said."""
    data = toy_table(sum(counts))
    labels = np.repeat(np.array(SENTIMENT.classes, dtype=object), counts)
    return data.with_columns(sentiment=labels)


def about_contents(data: Dataset, **asked: object) -> list[str]:
    scanned, scans = scan(data)
    return content_doubts(scanned, scans, READERS, **asked)  # type: ignore[arg-type]


def test_a_whole_table_is_doubted_in_nothing() -> None:
    data = toy_table(60)
    assert content_doubts(*scan(data), {"tfidf": ("text",)}) == []
    assert label_doubts(data, planned(data)) == []


def test_many_missing_texts_are_counted_by_part_and_few_are_not() -> None:
    data = toy_table(60, test_rows=20)
    texts = data.texts
    some = [None if row < 4 or row > 76 else text for row, text in enumerate(texts)]
    found = about_contents(data.with_columns(text=some))[0]
    assert found.startswith(
        "texts are missing in 4 of 60 training posts and 3 of 20 test posts (9%): 7 cells are empty"
    )
    few = [None if row in (1, 2, 79) else text for row, text in enumerate(texts)]
    assert not any(line.startswith("texts") for line in about_contents(data.with_columns(text=few)))


def test_a_learner_of_what_no_post_has_is_named() -> None:
    data = toy_table(30)
    nothing = about_contents(data.with_columns(text=None))[0]
    assert "30 of 30 training posts (100%)" in nothing
    assert nothing.endswith("'tfidf', which sees nothing else, knows no more than the labels alone tell")


def test_what_nobody_asks_for_is_not_missed() -> None:
    scanned, scans = scan(toy_table(30))
    assert content_doubts(scanned, scans, {"tfidf": ("text",)}) == []
    assert content_doubts(scanned, scans, {"tfidf": ("text",)}, ["image"])[0].startswith(
        "images are missing in 30 of 30"
    )


def test_images_that_are_no_files_are_told_apart(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_text("no picture")
    cells = [
        "a.png",
        "b.png",
        "gone.png",
        "https://host/c.jpg",
        "HTTP://host/d.jpg",
        "data:image/png;base64,iVBO",
        None,
    ]
    data = toy_table(7).with_columns(image=cells)
    found = about_contents(Dataset(data.frame, tmp_path, data.tasks))[0]
    assert found.startswith("images are missing in 6 of 7 training posts (86%): 1 cell is empty, ")
    assert "2 are web addresses, from which nothing is fetched (https://host/c.jpg)" in found
    assert "1 name no file that is there (gone.png)" in found
    assert "1 cannot be used: a text, not an image (b.png)" in found
    assert "1 cannot be used: an image as text, not a path (data:image/png;base64,iVBO)" in found


@pytest.mark.parametrize("cell", ["https://host/{}.jpg", "data:image/png;base64,{}", "iVBORw0KGgo" * 60 + "{}"])
def test_a_table_without_a_single_path_is_refused_shortly(cell: str, tmp_path: Path) -> None:
    data = toy_table(9).with_columns(image=[cell.format(row) for row in range(9)])
    with pytest.raises(DataError, match=r"None of the 9 images names a file: .*put files into a folder") as refusal:
        scan(Dataset(data.frame, tmp_path, data.tasks))
    assert len(str(refusal.value)) < 300


def test_texts_with_nul_bytes_are_said() -> None:
    data = toy_table(9)
    found = about_contents(data.with_columns(text=["a\0b", *data.texts[1:]]))
    assert any("NUL bytes" in line and "1 ('post0')" in line for line in found)


def test_a_class_with_fewer_rows_than_folds_is_named_with_the_number_of_folds_that_holds_it() -> None:
    data = labelled(30, 3, 30)
    (found,) = label_doubts(data, planned(data))
    assert "'neutral' 3 in 3" in found and "folds.k = 3 leaves a row for each" in found
    data = labelled(30, 1, 30)
    (found,) = label_doubts(data, planned(data))
    assert "'neutral' 1 in 1" in found and "merge it, or leave it out" in found


def test_a_class_of_no_row_and_rows_of_no_label_are_said() -> None:
    data = labelled(20, 0, 30)
    unlabelled = data.with_columns(
        sentiment=[None if row % 5 == 0 else x for row, x in enumerate(data.frame["sentiment"])]
    )
    first, second = label_doubts(unlabelled, planned(unlabelled))
    assert first == "sentiment: 10 of 50 training rows (20%) have no label, so that nothing is learned from them"
    assert second == "sentiment: no training row is 'neutral', so no post will be"


def test_labels_in_too_few_folds_for_a_stack_are_said() -> None:
    data = labelled(20, 0, 30)
    two = data.with_columns(sentiment=["negative", "positive", *[None] * 48])
    assert "sentiment: labels are in 2 of 5 folds; a stack needs 3" in label_doubts(two, planned(two))


@settings(max_examples=30)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=3).filter(lambda counts: sum(c > 0 for c in counts) > 1))
def test_every_class_that_some_fold_lacks_is_said_and_no_other(counts: list[int]) -> None:
    if sum(counts) < 5:
        return
    data = labelled(*counts)
    plan = planned(data)
    said = " ".join(label_doubts(data, plan))
    for position, name in enumerate(SENTIMENT.classes):
        folds = np.unique(plan.fold[data.labels(SENTIMENT) == position])
        assert (f"{name!r}" in said) == (len(folds) < 5)


def test_what_cannot_be_trained_says_what_is_there() -> None:
    none = Dataset(toy_table(6).frame.iloc[:0], Path("."), (SENTIMENT,))
    with pytest.raises(FoldError, match=r"no training posts: the table has 0 rows"):
        planned(none)
    with pytest.raises(DataError, match=r"no label in its 60 training rows"):
        planned(toy_table(60).with_columns(sentiment=None))
    with pytest.raises(DataError, match=r"only the class 'negative' in its 30 training rows"):
        planned(labelled(30, 0, 0))
    with pytest.raises(FoldError, match=r"there are 4 among the 8: groups of posts are kept whole"):
        make_plan(toy_table(8), np.arange(8) // 2, FoldSettings(5))
    assert isinstance(planned(labelled(3, 3, 3)).frame, pd.DataFrame)


def prompted(labels: list[str | None], texts: list[str | None]) -> list[str]:
    data = toy_table(len(labels)).with_columns(sentiment=labels, text=texts)
    return label_doubts(data, planned(data))


def test_texts_of_a_prompt_that_tell_nothing_are_said_with_how_little_they_tell() -> None:
    labels: list[str | None] = [SENTIMENT.classes[row % 3] for row in range(90)]
    (line,) = prompted(labels, ["kids" if row % 2 else "dogs" for row in range(90)])
    assert line == (
        "sentiment: 2 distinct texts in 90 training posts, each with every class, explain 0.0% of the labels' "
        "variance: texts alone tell nothing of it"
    )
    assert prompted(labels, ["kids" if row % 3 else "dogs" for row in range(90)]) == []
    assert prompted(labels, [f"post {row // 6}" for row in range(90)]) == []


def test_texts_of_a_prompt_that_tell_nothing_of_a_number_are_said_too() -> None:
    data = toy_table(200)
    numbers = np.random.default_rng(0).normal(size=200)
    texts = ["kids" if row % 2 else "dogs" for row in range(200)]
    task = Task("feeling", kind="regression")
    of_numbers = Dataset(data.frame.assign(feeling=numbers, text=texts), data.root, (task,))
    (line,) = label_doubts(of_numbers, planned(of_numbers))
    assert line.startswith("feeling: 2 distinct texts in 200 training posts explain ")
    told = of_numbers.with_columns(feeling=numbers + [0.6 * (text == "kids") for text in texts])
    assert label_doubts(told, planned(told)) == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 15))
def test_contents_at_random_explain_next_to_nothing_however_many_they_are(seed: int, contents: int) -> None:
    random = np.random.default_rng(seed)
    group = np.concatenate([np.arange(contents), random.integers(contents, size=1000)])
    assert abs(_explained(np.eye(4)[random.integers(4, size=len(group))], group)) < 0.03
