"""Every wrong input is one line that names what is wrong and what would be right, and exit code 2."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.shell import Ensemble, Outcome


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 2
    *progress, line = outcome.err.splitlines()
    assert all(done.startswith("  ") for done in progress), outcome.err
    assert line.startswith("ensemble: ")
    for word in words:
        assert word in line


def memotion(root: Path, **changes: list[str]) -> Path:
    """A Memotion folder of twelve posts in the published layout."""
    (root / "images").mkdir(parents=True)
    names = [f"image_{number}.jpg" for number in range(12)]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / name)
    columns = {
        "image_name": names,
        "text_ocr": [f"text {name}" for name in names],
        "text_corrected": [f"text {name}" for name in names],
        "humour": ["funny", "not_funny"] * 6,
        "sarcasm": ["general", "not_sarcastic"] * 6,
        "offensive": ["slight", "not_offensive"] * 6,
        "motivational": ["motivational", "not_motivational"] * 6,
        "overall_sentiment": ["positive", "neutral", "negative"] * 4,
    }
    table = pd.DataFrame(columns | changes)
    table.to_csv(root / "labels.csv")
    table.iloc[:0][["image_name", "text_ocr", "text_corrected"]].to_csv(root / "test.csv")
    return root


def test_a_configuration_that_is_not_there(ensemble: Ensemble) -> None:
    refused(ensemble("data", "-c", "nothing.toml"), "No such file: nothing.toml", "ensemble init")


def test_a_configuration_that_is_not_toml(ensemble: Ensemble, tmp_path: Path) -> None:
    (tmp_path / "ensemble.toml").write_text("[data\n")
    refused(ensemble("data"), "ensemble.toml", "not valid TOML")


def test_a_table_that_is_not_there(ensemble: Ensemble, config: Path) -> None:
    refused(ensemble("data", "--set", "data.train=post.csv"), "No such file", "post.csv", "posts.csv")


def test_a_missing_column(ensemble: Ensemble, config: Path) -> None:
    refused(ensemble("data", "--set", "data.text=captions"), "captions", "Did you mean 'caption'", "posts.csv")


def test_an_unknown_label_string(ensemble: Ensemble, tmp_path: Path) -> None:
    root = memotion(tmp_path / "memes", humour=["funy", *["funny", "not_funny"] * 5, "funny"])
    assert ensemble("init", "memotion", "--root", root).code == 0
    refused(ensemble("data"), "labels.csv", "'image_0.jpg'", "humour 'funy'", "'very_funny'")


def test_duplicate_ids(ensemble: Ensemble, tmp_path: Path) -> None:
    root = memotion(tmp_path / "memes", image_name=["image_1.jpg"] * 2 + [f"image_{n}.jpg" for n in range(2, 12)])
    assert ensemble("init", "memotion", "--root", root).code == 0
    refused(ensemble("data"), "more than once", "'image_1.jpg'")


def test_an_image_folder_that_does_not_exist(ensemble: Ensemble, tmp_path: Path) -> None:
    root = memotion(tmp_path / "memes")
    assert ensemble("init", "memotion", "--root", root).code == 0
    refused(ensemble("data", "--set", "data.images=pictures"), "image folder", "pictures", "does not exist")


def test_an_image_path_that_leaves_the_root(ensemble: Ensemble, tmp_path: Path) -> None:
    root = memotion(tmp_path / "memes", image_name=["../../secret.jpg", *[f"image_{n}.jpg" for n in range(1, 12)]])
    assert ensemble("init", "memotion", "--root", root).code == 0
    refused(ensemble("data"), "secret.jpg", "leaves the image folder")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("folds.kk=3", ("kk", "Did you mean 'k'")),
        ("bases.x=1", ("bases", "Did you mean 'base'")),
        ("base.tfidf.param.balance=1", ("base.tfidf key 'param'", "Did you mean 'params'")),
        ("base.image.params.veiws=1", ("veiws", "Did you mean 'views'")),
        ("base.image.params.views=3", ("base.image.params.views = 3", "1, 2, 5 or 10")),
        ("base.image.params.balance=lots", ("base.image.params.balance", "'lots'")),
        ("base.tfidf.learner=tfidff", ("Unknown learner 'tfidff'", "Did you mean 'tfidf'")),
        ("base.image.params.image=/no/such/encoder", ("No such model folder", "/no/such/encoder")),
        ("data.preset=memotoin", ("memotoin", "Did you mean 'memotion'")),
        ("data.img=x", ("data key 'img'", "Did you mean 'image'")),
        ("data.root=/no/such/folder", ("data.root", "/no/such/folder", "does not exist")),
        ("folds.k=2", ("folds.k must be at least 3",)),
        ("folds.k=5000", ("5000 folds need", "posts")),
        ("folds.k=many", ("folds.k", "'many'")),
        ("stack.metrics.sentiment=macro_f", ("macro_f", "Did you mean 'macro_f1'")),
        ("run.threads=-1", ("run.threads",)),
        ("run.seeds=[0, 0]", ("run.seeds", "differ")),
        ("base.stack.learner=prior", ("'stack'", "not 'stack'")),
        ("base.tfidf.params.words=0", ("base.tfidf.params.words = 0", "must be at least 1")),
        ("base.tfidf.params.strengths=[]", ("base.tfidf.params.strengths", "must have 1 or more entries")),
        ("base.image.params.penalties=[-1.0]", ("base.image.params.penalties.0 = -1.0", "must be above 0")),
        ("base.tfidf.params.balance=7", ("base.tfidf.params.balance = 7", "must be at most 1")),
        ("submit.format=cvs", ("'cvs'", "Did you mean 'csv'")),
        ("submit.positive.sarcasm=sarcastic", ("'sarcasm'", "positive class 'sarcastic'", "['0', '1']")),
        ("submit.positive.sentiment=positive", ("'sentiment'", "must be one of two")),
        ("submit.positive.irony=1", ("irony",)),
        ('submit={template = "{id},{sarcsm}"}', ("placeholder 'sarcsm'", "Did you mean 'sarcasm'")),
        ("submit.header=id", ("submit", "belong to a template")),
        ("submit.template={id}", ("a format and a template",)),
        ("stack.metrics.sentiment=f1_positive", ("f1_positive", "two classes", "'sentiment' has 3")),
        ("stack.metrics.sarcasm=recall_at_precision@90", ("above 0 and up to 1",)),
        ('stack.estimators=["xgbost"]', ("'xgbost'", "Did you mean 'xgboost'")),
        ("nonsense", ("key=value",)),
    ],
)
def test_wrong_settings(ensemble: Ensemble, config: Path, override: str, words: tuple[str, ...]) -> None:
    refused(ensemble("train-base", "--set", override), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("train-base", "--learner", "tfdif"), ("tfdif", "Did you mean 'tfidf'")),
        (("train-base", "--task", "humor"), ("Unknown task 'humor'", "sentiment")),
        (("train-base", "--fold", "9"), ("no fold 9", "0 to 3")),
        (("trian-base",), ("trian-base",)),
        (("stack",), ("not finished", "ensemble train-base")),
        (("submit",), ("not finished", "ensemble")),
        (("import", "x", "--oof", "none.parquet", "--task", "sentiment"), ("No such file", "none.parquet")),
        (("import", "x", "--oof", "none.parquet"), ("--task must name one of",)),
        (
            ("import", "x", "--oof", "oof.csv", "--task", "sentiment", "--modality", "sound"),
            ("Unknown modality 'sound'", "both, image, text"),
        ),
        (("init", "memotoin", "--root", "."), ("memotoin", "Did you mean 'memotion'")),
        (("init", "memotion", "--root", "nowhere"), ("nowhere", "not a folder")),
        (("init", "memotion", "--root", "."), ("already there",)),
        (("demo", "."), ("not empty",)),
        (("demo", "--clips", "."), ("not empty",)),
        (("demo", "new", "--informative", "face"), ("--informative", "--clips")),
        (("demo", "new", "--full", "--clips"), ("--full", "--clips")),
    ],
)
def test_wrong_arguments(ensemble: Ensemble, config: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(ensemble(*arguments), *words)


def test_a_run_folder_of_other_data(ensemble: Ensemble, tmp_path: Path) -> None:
    for name in ("one", "other"):
        shift = 100 * (name == "other")
        root = memotion(
            tmp_path / name, text_ocr=[f"text {number + shift}" for number in range(12)], text_corrected=[""] * 12
        )
        assert ensemble("init", "memotion", "--root", root, "--out", f"{name}.toml").code == 0
    shared = ("--set", "run.folder=run", "--set", "folds.k=3", "--set", "base.only.learner=prior", "--learner", "only")
    assert ensemble("train-base", "-c", "one.toml", *shared).code == 0
    words = ("not the one this run's folds were made for", "12 rows changed", "'image_0.jpg'")
    refused(ensemble("train-base", "-c", "other.toml", *shared), *words)


def test_a_run_folder_of_other_tasks(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    assert ensemble("train-base", "--learner", "prior").code == 0
    root = memotion(tmp_path / "memes")
    assert ensemble("init", "memotion", "--root", root, "--out", "other.toml").code == 0
    shared = ("--set", "run.folder=run", "--set", "folds.k=4")
    refused(ensemble("train-base", "-c", "other.toml", *shared), "made for the tasks ['sentiment', 'sarcasm']")


def test_a_truncated_parquet_in_the_store(ensemble: Ensemble, config: Path, tmp_path: Path) -> None:
    assert ensemble("train-base", "--learner", "prior").code == 0
    oof = tmp_path / "run" / "base" / "prior" / "sentiment" / "oof.parquet"
    oof.write_bytes(oof.read_bytes()[:100])
    only = ("--set", 'stack.learners=["prior"]', "--set", 'stack.estimators=["soft_vote"]')
    refused(ensemble("stack", *only), "oof.parquet is damaged", "ensemble train-base")
    assert ensemble("train-base", "--learner", "prior").code == 0
    assert ensemble("stack", *only).code == 0


def test_a_fold_plan_that_is_gone_is_drawn_again_only_as_it_was(
    ensemble: Ensemble, config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ensemble("train-base", "--learner", "prior").code == 0
    (tmp_path / "run" / "folds.json").unlink()
    words = ("folds.json is gone", "another plan", "Restore it")
    refused(ensemble("status", "--set", "folds.seed=7"), *words)
    restored = ensemble("status")
    assert restored.code == 0 and "folds.json is gone: drawn again, the same plan" in caplog.text


def test_a_configuration_without_base_learners(ensemble: Ensemble, config: Path) -> None:
    text = config.read_text()
    config.write_text(text[: text.index("[base.prior]")])
    refused(ensemble("train-base"), "no base learner", "[base.tfidf]")


def test_a_damaged_fold_plan(
    ensemble: Ensemble, config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ensemble("train-base", "--learner", "prior").code == 0
    plan = tmp_path / "run" / "folds.parquet"
    plan.write_bytes(plan.read_bytes()[:100])
    assert ensemble("status").code == 0
    assert "folds.parquet is damaged" in caplog.text and "drawn again" in caplog.text


def test_nothing_to_submit(ensemble: Ensemble, config: Path) -> None:
    text = config.read_text().replace('test = "test.csv"\n', "")
    config.write_text(text)
    only = ("--set", 'stack.learners=["prior"]', "--set", 'stack.estimators=["soft_vote"]')
    assert ensemble("train-base", "--learner", "prior").code == 0
    assert ensemble("stack", *only).code == 0
    refused(ensemble("submit", *only), "no test rows")


def test_a_format_that_does_not_fit_the_tasks(ensemble: Ensemble, config: Path) -> None:
    only = ("--set", 'stack.learners=["prior"]', "--set", 'stack.estimators=["soft_vote"]')
    assert ensemble("train-base", "--learner", "prior").code == 0
    assert ensemble("stack", *only).code == 0
    refused(ensemble("submit", "--format", "memotion", *only), "humour", "sentiment")
    refused(ensemble("submit", "--format", "memotoin", *only), "memotoin", "Did you mean")


def test_a_plan_in_a_column_is_taken_and_one_that_is_not_there_is_refused(ensemble: Ensemble, tmp_path: Path) -> None:
    rows = [(f"p{row}", f"text {row}", "ab"[row % 2], "xyz"[row // 2 % 3]) for row in range(24)]
    pd.DataFrame(rows, columns=["id", "text", "label", "part"]).to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "ensemble.toml").write_text(
        '[data]\npreset = "csv"\ntrain = "t.csv"\ntext = "text"\n[data.tasks]\nlabel = ["a", "b"]\n'
        '[run]\nfolder = "run"\nthreads = 1\n[base.prior]\nlearner = "prior"\n'
    )
    refused(ensemble("train-base", "--set", "folds.column=fold"), "fold", "t.csv")
    refused(ensemble("train-base", "--set", "folds.file=gone.csv"), "gone.csv")
    refused(ensemble("data", "--set", "folds.copies=all"), "folds.copies", "'group' or 'ignore'")
    done = ensemble("train-base", "--set", "folds.column=part")
    assert done.code == 0
    assert "Folds as given in t.csv: 'x' is fold 0, 'y' is fold 1, 'z' is fold 2." in done.err
    assert pd.read_parquet(tmp_path / "run" / "folds.parquet")["fold"].tolist() == [row // 2 % 3 for row in range(24)]
