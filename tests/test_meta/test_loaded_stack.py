"""New posts get what the run's own test rows got, from the run folder alone; shares say who decided."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.finished import HASHES, REGISTRY, finish
from support.networks import freeze_imports, one_core
from support.world import SARCASM, SENTIMENT, toy_table

from ensemble.data import Dataset, Task
from ensemble.datasets.new_posts import read_posts, scan_posts
from ensemble.errors import StoreError
from ensemble.features import FeatureCache
from ensemble.jobs.run_record import RunRecord
from ensemble.run import Run
from ensemble.system.files import read_json, write_json
from meta.loaded_stack import Floats, load_stacks, modalities_needed, predict_posts, shares, without_models
from meta.post_predictions import PostPredictions
from meta.table import StackSettings


def ask(folder: Path, posts: Dataset) -> list[PostPredictions]:
    run = RunRecord.read(folder).open(REGISTRY)
    return predict_posts(run, load_stacks(run, run.data.tasks), posts)


def one_epoch(**more: object) -> dict[str, object]:
    return {"epochs": 1, "validation": 0, "patience": 0, "precision": "float32", "workers": 0, **more}


@pytest.fixture(scope="module")
def networks(posts: Dataset, encoders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Words, frozen networks and trained ones on the drawn memes, under every meta-estimator."""
    folder = tmp_path_factory.mktemp("finished")
    bert = str(shutil.copytree(encoders["bert"], folder / "bert"))
    widths = {"max_length": 16, "lstm_width": 4, "attention_width": 4, "hidden_width": 4}
    learners = {
        "tfidf": ("tfidf", {}),
        "text": ("frozen", {"text": encoders["text"], "max_length": 64}),
        "image": ("frozen", {"image": encoders["image"], "views": 1}),
        "textual": ("textual", {"model": bert, **widths, "training": one_epoch()}),
        "visual": (
            "visual",
            {"model": "test_resnet", "pretrained": False, "size": 64, "views": 2}
            | {"training": {"epochs": 1, "workers": 0}},
        ),
    }
    freeze_imports()
    with one_core():
        few = replace(posts, tasks=(SENTIMENT,)).take(np.r_[:40, len(posts) - 15 : len(posts)])
        return finish(folder / "run", few, learners, settings=StackSettings(), cache=FeatureCache(folder / "cache"))


def test_the_runs_own_test_rows_as_new_posts_get_what_the_stack_gave_them(networks: Run, memes: Path) -> None:
    record = RunRecord.read(networks.store.root)
    new = scan_posts(read_posts(memes / "test.csv", record.tasks, [memes / "images"], usual=record.columns))
    assert list(new.ids) == list(networks.data.take(networks.plan.test_rows).ids)
    with one_core():
        predicted = ask(networks.store.root, new)[0]
    stacked = networks.store.stack("sentiment").read("test", SENTIMENT).take(new.ids)
    # New posts are asked of exports, which equal the networks to 1e-4.
    np.testing.assert_allclose(predicted.predictions.values, stacked.values, rtol=0, atol=1e-5)
    assert (predicted.predictions.labels() == stacked.labels()).all()
    assert predicted.learners == ("tfidf", "text", "image", "textual", "visual")


def test_posts_without_text_or_image_and_without_the_runs_cache_are_predicted(
    networks: Run, memes: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(networks.store.root, tmp_path / "moved")
    facts = read_json(moved / "run.json")
    facts["config"]["run"]["cache"] = str(tmp_path / "none")
    shutil.rmtree(facts["config"]["base"]["textual"]["params"]["model"])  # its fold models have tokenizers of their own
    write_json(moved / "run.json", facts)
    new = scan_posts(
        read_posts(memes / "test.csv", (SENTIMENT,), [memes / "images"], usual=RunRecord.read(moved).columns)
    )
    blind = new.with_columns(text=new.frame["text"].where(new.frame.index % 2 == 0, None))
    blind = blind.with_columns(
        **{c: new.frame[c].where(new.frame.index % 3 > 0, None) for c in ("image", "image_hash")}
    )
    with one_core():
        predicted = ask(moved, blind)[0]
    assert len(predicted.names) == len(new)
    whole = np.flatnonzero(new.frame.index % 6 == 4)
    stacked = networks.store.stack("sentiment").read("test", SENTIMENT).take(new.ids)
    np.testing.assert_allclose(predicted.predictions.values[whole], stacked.values[whole], atol=1e-4)
    assert not (tmp_path / "none").exists()


@pytest.fixture
def data() -> Dataset:
    return toy_table(30, test_rows=6, tasks=(SENTIMENT, SARCASM))


@pytest.fixture
def run(tmp_path: Path, data: Dataset) -> Run:
    return finish(tmp_path / "run", data, HASHES, k=3, seeds=(0, 4))


def test_every_seed_and_fold_is_asked_and_posts_may_come_in_any_order(run: Run, data: Dataset) -> None:
    new = data.take(run.plan.test_rows[::-1]).without_labels()
    for predicted in ask(run.store.root, new):
        task = predicted.predictions.task
        stacked = run.store.stack(task.name).read("test", task).take(new.ids)
        np.testing.assert_allclose(predicted.predictions.values, stacked.values, rtol=0, atol=1e-12)


def test_a_run_folder_that_has_moved_is_enough(run: Run, data: Dataset, tmp_path: Path) -> None:
    new = data.take(run.plan.test_rows).without_labels()
    before = ask(run.store.root, new)[0].predictions.values
    moved = shutil.move(run.store.root, tmp_path / "deeper" / "elsewhere")
    assert (ask(Path(moved), new)[0].predictions.values == before).all()


def test_predicting_changes_nothing_in_the_run_folder(run: Run, data: Dataset) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in run.store.root.rglob("*") if path.is_file()}

    before = content()
    ask(run.store.root, data.take(run.plan.test_rows).without_labels())
    assert content() == before


def test_a_stack_on_what_is_said_of_related_tasks_gets_that_of_new_posts_too(tmp_path: Path, data: Dataset) -> None:
    settings = StackSettings(estimators=("logistic_regression",), related=True)
    run = finish(tmp_path / "related", data, HASHES, settings=settings)
    new = data.take(run.plan.test_rows[::-1]).without_labels()
    for predicted in ask(run.store.root, new):
        task = predicted.predictions.task
        stacked = run.store.stack(task.name).read("test", task).take(new.ids)
        np.testing.assert_allclose(predicted.predictions.values, stacked.values, rtol=0, atol=1e-12)
        assert predicted.shares.shape == (len(new), 2)


def test_a_binary_label_and_its_degree_agree(tmp_path: Path) -> None:
    irony, degree = Task("irony", ("0", "1")), Task("irony_degree", ("0", "1", "2"))
    data = replace(toy_table(30, test_rows=20, tasks=(irony, degree)), linked_tasks=(("irony", "irony_degree"),))
    run = finish(tmp_path / "pairs", data, HASHES)
    new = data.take(run.plan.test_rows).without_labels()
    binary, degrees = (predicted.predictions for predicted in ask(run.store.root, new))
    assert ((binary.labels() == 1) == (degrees.labels() > 0)).all()
    assert ((binary.values.argmax(axis=1) == 1) != (degrees.values.argmax(axis=1) > 0)).any()
    opened = RunRecord.read(run.store.root).open(REGISTRY)
    alone = predict_posts(opened, load_stacks(opened, [degree]), new)[0].predictions
    stacked = run.store.stack(degree.name).read("test", degree).take(new.ids)
    assert (alone.labels() == stacked.labels()).all()  # by the stack's own rule


def test_an_unfinished_stack_is_refused(run: Run, data: Dataset) -> None:
    (run.store.stack("sarcasm").record).unlink()
    with pytest.raises(StoreError, match="sarcasm is not finished; run `ensemble stack --task sarcasm`"):
        ask(run.store.root, data)


def test_a_stack_of_what_learners_said_before_is_refused(run: Run, data: Dataset) -> None:
    report = run.store.base("a", "sentiment").record
    facts = read_json(report)
    facts["files"]["test.parquet"] = facts["files"]["oof.parquet"]
    (report.parent / "test.parquet").write_bytes((report.parent / "oof.parquet").read_bytes())
    write_json(report, facts)
    with pytest.raises(StoreError, match=r"stack/sentiment is stale: learner\.a was .* run `ensemble stack"):
        ask(run.store.root, data)


def linear(weights: tuple[float, ...]):  # type: ignore[no-untyped-def]
    """A weighted mean of learners as a stack."""
    return lambda features: np.einsum("l,rlc->rc", weights, features.reshape(len(features), len(weights), -1))


def shares_of(weights: tuple[float, ...], features: Floats, usual: Floats) -> Floats:
    """Of the most probable class."""
    predict = linear(weights)
    return shares(predict, features, predict(features).argmax(axis=1), usual, len(weights))


def simplex(random: np.random.Generator, rows: int, learners: int, classes: int = 3) -> Floats:
    return random.dirichlet(np.ones(classes), size=(rows, learners)).reshape(rows, -1)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 8))
def test_absolute_shares_sum_to_one(seed: int, learners: int, rows: int) -> None:
    random = np.random.default_rng(seed)
    weights = tuple(random.dirichlet(np.ones(learners)))
    found = shares_of(weights, simplex(random, rows, learners), simplex(random, 1, learners)[0])
    assert found.shape == (rows, learners)
    np.testing.assert_allclose(np.abs(found).sum(axis=1), 1)


def test_shares_follow_the_weights_and_what_a_learner_says_beyond_the_usual() -> None:
    features = np.array([[0.9, 0.1, 0.7, 0.3, 0.2, 0.8]])
    found = shares_of((0.5, 0.4, 0.1), features, np.full(6, 0.5))
    falls = np.array([0.5 * 0.4, 0.4 * 0.2, 0.1 * -0.3])
    np.testing.assert_allclose(found[0], falls / np.abs(falls).sum())
    assert found[0, 2] < 0  # it spoke against


def test_shares_are_of_the_decided_class_which_need_not_be_the_most_probable() -> None:
    features, usual, decided = np.array([[0.9, 0.1, 0.4, 0.6]]), np.full(4, 0.5), np.array([1])
    np.testing.assert_allclose(shares(linear((0.5, 0.5)), features, decided, usual, 2), [[-0.8, 0.2]])


def test_a_learner_the_stack_ignores_has_no_share(random: np.random.Generator) -> None:
    found = shares_of((1.0, 0.0), simplex(random, 20, 2), simplex(random, 1, 2)[0])
    assert (found[:, 1] == 0).all()
    np.testing.assert_allclose(np.abs(found[:, 0]), 1)


def test_where_nothing_moves_every_share_is_zero(random: np.random.Generator) -> None:
    usual = simplex(random, 1, 2)[0]
    assert (shares_of((0.5, 0.5), np.tile(usual, (4, 1)), usual) == 0).all()


def test_what_a_stack_needs_of_a_post_is_what_its_learners_look_at(run: Run, networks: Run) -> None:
    assert modalities_needed(RunRecord.read(networks.store.root).open(REGISTRY), [SENTIMENT]) == ["text", "image"]
    assert modalities_needed(run, run.data.tasks) == ["text", "image"]  # these do not say


def test_learners_whose_models_were_not_kept_are_named_before_they_are_asked(tmp_path: Path, data: Dataset) -> None:
    run = finish(tmp_path / "run", data, HASHES, k=3, keep_models="none")
    assert without_models(run, SENTIMENT, ["a", "b"]) == ["a", "b"]
    assert without_models(finish(tmp_path / "kept", data, HASHES, k=3), SENTIMENT, ["a", "b"]) == []


def test_posts_without_what_the_stack_looks_at_are_named(
    tmp_path: Path, data: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    heard = {"words": ("prior", {}), "pictures": ("gated", {"looks_at": ["image"], "gates": [1.0]})}
    run = finish(tmp_path / "run", replace(data, tasks=(SENTIMENT,)), heard)
    new = data.take(run.plan.test_rows)
    ask(run.store.root, new.with_columns(image="a.png"))
    assert not [said for said in caplog.messages if "usual answer" in said]
    ask(run.store.root, new.with_columns(image=[None, *["a.png"] * (len(new) - 1)]))
    (said,) = (said for said in caplog.messages if "usual answer" in said)
    assert said.startswith(f"sentiment: 1 of {len(new)} posts have no image, and the stack looks at nothing else")
    assert repr(new.ids[0]) in said
