"""A finished run in memory: what the command says, for any frame, and nothing grows."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pandas as pd
import pytest
from support.frames import TASKS
from support.shell import Ensemble

import ensemble
from ensemble.errors import ConfigError, DataError
from ensemble.features import FeatureCache


@pytest.fixture(scope="module")
def predictor(finished: ensemble.Project) -> ensemble.Predictor:
    return ensemble.load(finished.folder)


@pytest.fixture
def here(memes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of images."""
    monkeypatch.chdir(memes / "images")
    yield memes / "images"


def test_it_says_what_the_command_says(
    predictor: ensemble.Predictor,
    finished: ensemble.Project,
    ensemble: Ensemble,
    unlabelled: pd.DataFrame,
    memes: Path,
    tmp_path: Path,
) -> None:
    options = ("--run", finished.folder, "--images", memes / "images", "-o", "a.csv")
    unseen = unlabelled.assign(caption=unlabelled["caption"] + " once more")
    unseen.to_csv(tmp_path / "new.csv", index=False)
    assert ensemble("predict", "new.csv", *options).code == 0
    answers = predictor.predict(unseen, root=memes / "images")
    assert answers.to_csv(index=False) == (tmp_path / "a.csv").read_text()

    unlabelled.to_csv(tmp_path / "new.csv", index=False)
    assert ensemble("predict", "new.csv", *options).code == 0
    answers = predictor.predict(unlabelled, root=memes / "images")
    # Whose features lie in the run's cache is answered by these, all others by exports that equal them to 1e-4.
    told = pd.read_csv(tmp_path / "a.csv", dtype={name: answers[name].dtype for name in answers})
    pd.testing.assert_frame_equal(answers, told, atol=1e-4, check_exact=False)
    stacked = finished.predictions("sentiment", test=True)
    pd.testing.assert_frame_equal(answers[list(stacked)], stacked, atol=1e-4, check_exact=False)


def test_rows_keep_the_index_of_their_frame_and_files_may_be_bytes(
    predictor: ensemble.Predictor, unlabelled: pd.DataFrame, here: Path
) -> None:
    few = unlabelled[unlabelled["file"].notna()].set_index("name").head(3)
    as_bytes = few.assign(file=[(here / name).read_bytes() for name in few["file"]])
    answers = predictor.predict(as_bytes)
    assert answers.index.equals(few.index) and answers["id"].tolist() == ["1", "2", "3"]
    pd.testing.assert_frame_equal(answers, predictor.predict(few))
    renamed = few.rename(columns={"caption": "tweet", "file": "picture"})
    named = predictor.predict(renamed, columns={"text": "tweet", "image": "picture"})
    pd.testing.assert_frame_equal(answers, named)


def test_nothing_grows_neither_memory_nor_disk(
    finished: ensemble.Project, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = ensemble.load(finished.folder, cache_bytes=2_000)
    held = []
    forget = FeatureCache.forget
    monkeypatch.setattr(FeatureCache, "forget", lambda cache: (held.append(cache.used("")), forget(cache)))
    home = finished.folder.parent
    files = {path for path in home.rglob("*")}
    for number in range(30):
        predictor.predict(pd.DataFrame({"caption": [f"new post {number}, of which nobody has heard"], "file": None}))
    assert {path for path in home.rglob("*")} == files
    assert len(held) > 1 and max(held) < 4_000


def test_models_are_loaded_once(predictor: ensemble.Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    from base_models.frozen import Frozen

    monkeypatch.delattr(Frozen, "load")
    assert len(predictor.predict(pd.DataFrame({"caption": ["great", None], "file": None}))) == 2


def test_calls_of_several_threads_wait_for_each_other(predictor: ensemble.Predictor) -> None:
    posts = [pd.DataFrame({"caption": [f"post {n}", "great"], "file": None}) for n in range(4)]
    expected = [predictor.predict(one) for one in posts]
    answers: dict[int, pd.DataFrame] = {}
    threads = [Thread(target=lambda n=n: answers.update({n: predictor.predict(posts[n])})) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, answer in enumerate(expected):
        pd.testing.assert_frame_equal(answers[number], answer)


def test_one_task_may_be_asked_alone_and_classes_are_told(
    predictor: ensemble.Predictor, finished: ensemble.Project
) -> None:
    assert predictor.classes == {name: tuple(classes) for name, classes in TASKS.items()}
    one = ensemble.load(finished.folder, tasks=["sarcasm"])
    answers = one.predict(pd.DataFrame({"caption": ["great"], "file": None}))
    assert list(answers)[:4] == ["id", "sarcasm", "sarcasm:0", "sarcasm:1"] and "sentiment" not in answers


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (pd.DataFrame({"other": ["a"]}), "no column of texts or images .looked for 'caption', 'text'"),
        (pd.DataFrame({"caption": []}), "has no rows"),
        (pd.DataFrame({"caption": [None], "file": None}), "None of the 1 posts has a text or an image"),
        (pd.DataFrame({"caption": ["a"], "file": ["../secret.png"]}), "leaves the image folder"),
        (pd.DataFrame({"caption": [{"a": 1}]}), "row 0: 'caption' holds"),
        (pd.DataFrame({"caption": ["a", "b"], "name": ["x", "x"]}), "1 ids appear more than once"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_line(
    predictor: ensemble.Predictor, here: Path, asked: pd.DataFrame, line: str
) -> None:
    with pytest.raises((DataError, ConfigError), match=line) as error:
        predictor.predict(asked)
    assert "\n" not in str(error.value) and "--" not in str(error.value)


def test_columns_are_named_by_kind_and_nothing_else(predictor: ensemble.Predictor) -> None:
    posts = pd.DataFrame({"caption": ["great monday"]})
    with pytest.raises(ConfigError, match=r"Unknown kind of column 'txt'\. Did you mean 'text'"):
        predictor.predict(posts, columns={"txt": "caption"})
    with pytest.raises(ConfigError, match="columns='caption' must be a mapping"):
        predictor.predict(posts, columns="caption")


def test_a_folder_of_files_must_be_there(predictor: ensemble.Predictor) -> None:
    with pytest.raises(DataError, match="root: the folder nowhere does not exist"):
        predictor.predict(pd.DataFrame({"caption": ["great monday"]}), root="nowhere")
