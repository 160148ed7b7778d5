"""Joint learners without a modality, in two ways; and which modality they looked at."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from support.toys import TOYS
from support.world import SENTIMENT, toy_table

from ensemble.data import Dataset
from ensemble.errors import ConfigError, StoreError
from ensemble.jobs.ablation import MASKED, TRAINED, Without, ablate, hide, ways_named
from ensemble.jobs.job import list_work
from ensemble.jobs.modality_weights import FILE
from ensemble.jobs.train import train
from ensemble.run import Run


@pytest.fixture
def posts() -> Dataset:
    """The text tells the label two times of three, the image nothing; three posts have no image, one has neither."""
    data = toy_table(90, test_rows=9)
    images = np.array([f"{row % 4}" for row in range(len(data))], dtype=object)
    images[[3, 7, 11]] = None
    texts = np.array(data.texts, dtype=object)
    texts[11] = None
    return data.with_columns(text=texts, image=images, image_hash=images)


@pytest.fixture
def run(make_run: Callable[..., Run], posts: Dataset) -> Run:
    learners = {"pair": ("pair", {}), "broken": ("pair", {"broken": "text"}), "hash": ("hash", {})}
    made = make_run(posts, learners, registry=TOYS)
    train(made, list_work(made, [made.learners.spec("pair"), made.learners.spec("broken")], [SENTIMENT], ()))
    return made


def test_hidden_posts_have_nothing_of_the_modality_and_everything_else(posts: Dataset) -> None:
    silent, blind = hide(posts, "text"), hide(posts, "image")
    assert not any(silent.texts) and silent.image_hashes() == posts.image_hashes()
    assert not any(blind.image_hashes()) and not any(blind.images) and blind.texts == posts.texts
    assert (silent.labels(SENTIMENT) == posts.labels(SENTIMENT)).all()


def test_hiding_what_tells_the_label_costs_and_hiding_what_does_not_costs_nothing(run: Run) -> None:
    found = ablate(run, "pair", SENTIMENT)
    rows = {(row["without"], row["way"]): row for row in found["rows"]}
    assert list(rows) == [
        (None, None),
        ("image", MASKED),
        ("text", MASKED),
        ("image", TRAINED),
        ("text", TRAINED),
    ]
    for way in (MASKED, TRAINED):
        assert rows["text", way]["against"]["high"] < 0
        assert rows["image", way]["against"]["low"] <= 0 <= rows["image", way]["against"]["high"]
    both = rows[None, None]["card"]["metrics"]["macro_f1"]["value"]
    for row in found["rows"][1:]:
        alone = row["card"]["metrics"]["macro_f1"]
        assert row["against"]["value"] == pytest.approx(alone["value"] - both)
        assert alone["low"] <= alone["value"] <= alone["high"] and row["card"]["rows"] == 90
    assert found["failures"] == []


def test_masking_asks_each_fold_model_about_its_held_out_rows_without_the_modality(run: Run) -> None:
    ablate(run, "pair", SENTIMENT, [MASKED])
    hidden = Without("image")(run)
    folder = hidden.store.masked("pair", "sentiment").path
    kept = pd.read_parquet(folder / "oof.parquet").set_index("id")
    for fold in range(3):
        model = run.learners.make(run.learners.spec("pair"))
        model.fit(run.data.take(run.plan.fit_rows(fold)), SENTIMENT, seed=0)  # with images
        held = hidden.data.take(run.plan.held_out_rows(fold))
        np.testing.assert_allclose(model.predict_proba(held), kept.loc[held.ids, list(SENTIMENT.classes)])
    assert not (hidden.store.root / "base").exists()  # nothing was trained


def test_training_masked_is_training_on_posts_without_the_modality(run: Run) -> None:
    ablate(run, "pair", SENTIMENT, [TRAINED])
    hidden = Without("text")(run)
    kept = pd.read_parquet(hidden.store.base("pair", "sentiment").path / "oof.parquet").set_index("id")
    model = run.learners.make(run.learners.spec("pair"))
    model.fit(hidden.data.take(run.plan.fit_rows(1)), SENTIMENT, seed=0)
    held = hidden.data.take(run.plan.held_out_rows(1))
    np.testing.assert_allclose(model.predict_proba(held), kept.loc[held.ids, list(SENTIMENT.classes)])


def test_what_is_finished_is_not_done_again_and_what_has_changed_is(run: Run) -> None:
    first = ablate(run, "pair", SENTIMENT)
    written = {path: path.stat().st_mtime_ns for path in (run.store.root / "ablation").rglob("*.parquet")}
    assert ablate(run, "pair", SENTIMENT) == first
    assert {path: path.stat().st_mtime_ns for path in (run.store.root / "ablation").rglob("*.parquet")} == written
    (Without("image")(run).store.masked("pair", "sentiment").path / "oof.parquet").write_bytes(b"damage")
    assert ablate(run, "pair", SENTIMENT) == first


def test_a_learner_that_cannot_be_trained_without_a_modality_still_has_the_other_rows(run: Run) -> None:
    found = ablate(run, "broken", SENTIMENT)
    assert [(row["without"], row["way"]) for row in found["rows"]] == [
        (None, None),
        ("image", MASKED),
        ("text", MASKED),
        ("image", TRAINED),
    ]
    assert len(found["failures"]) == 3
    job = "without text: broken / sentiment / seed 0 / fold 0"
    assert found["failures"][0] == {"job": job, "reason": "no text to learn from", "bug": False}


def test_a_learner_of_one_modality_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"'hash' says nothing of what it looks at; .* at least two modalities"):
        ablate(run, "hash", SENTIMENT)


def test_models_that_were_not_kept_are_asked_for(run: Run) -> None:
    import shutil

    for folder in run.store.base("pair", "sentiment").path.glob("*/*/model"):
        for path in folder.iterdir():
            path.unlink()
        shutil.rmtree(folder)
    with pytest.raises(StoreError, match=r"run `ensemble train-base --learner pair --task sentiment"):
        ablate(run, "pair", SENTIMENT, [MASKED])


def test_a_way_nobody_knows_is_named() -> None:
    assert ways_named([]) == [MASKED, TRAINED] and ways_named(["trained"]) == [TRAINED]
    with pytest.raises(ConfigError, match=r"Unknown way 'maskd'\. Did you mean 'masked'"):
        ways_named(["maskd"])


def test_what_a_network_looked_at_is_kept_for_every_row(run: Run) -> None:
    folder = run.store.base("pair", "sentiment").path
    weights = pd.read_parquet(folder / FILE).set_index("id")
    assert list(weights.columns) == ["text", "image"] and set(weights.index) == set(run.data.ids)
    assert (weights.loc["post0"] == [0.75, 0.25]).all() and (weights.loc["post3"] == [1, 0]).all()
    assert weights.loc["post11"].isna().all()
    means = run.results.base_record("pair", SENTIMENT)["modality_weights"]
    assert means == weights.mean().round(4).to_dict()
    assert ablate(run, "pair", SENTIMENT, [MASKED])["modality_weights"] == means


def test_a_learner_without_such_weights_keeps_none(run: Run) -> None:
    train(run, list_work(run, [run.learners.spec("hash")], [SENTIMENT], ()))
    assert not list(run.store.base("hash", "sentiment").path.rglob(FILE))
    assert "modality_weights" not in run.results.base_record("hash", SENTIMENT)


def test_gates_of_any_modalities_are_kept_each_for_itself(make_run: Callable[..., Run], posts: Dataset) -> None:
    sounds = np.where(np.arange(len(posts)) % 2, "a.wav", None)
    posts = posts.with_columns(audio=sounds, audio_hash=sounds, video=None)
    gated = make_run(posts, {"gated": ("gated", {"gates": (0.9, 0.4, 0.1)})}, registry=TOYS)
    assert train(gated, list_work(gated, gated.specs, [SENTIMENT], ())) == []
    weights = pd.read_parquet(gated.store.base("gated", "sentiment").path / FILE).set_index("id")
    assert list(weights.columns) == ["text", "audio", "video"]
    assert weights["text"].dropna().eq(0.9).all() and weights["audio"].notna().sum() == len(posts) // 2
    assert gated.results.base_record("gated", SENTIMENT)["modality_weights"] == {"text": 0.9, "audio": 0.4}


@pytest.mark.parametrize(
    ("gates", "said"), [((0.5, 1.5, 0.5), r"1\.5 for the audio of"), ((0.5, -0.2, 0.5), r"-0\.2 for the audio of")]
)
def test_what_is_no_weight_is_refused(
    make_run: Callable[..., Run], posts: Dataset, gates: tuple[float, ...], said: str
) -> None:
    posts = posts.with_columns(audio="a.wav", audio_hash="a")
    gated = make_run(posts, {"gated": ("gated", {"gates": gates})}, registry=TOYS)
    (first, *_) = train(gated, list_work(gated, gated.specs, [SENTIMENT], ()))
    assert re.search(said, first.reason or "") and not first.bug
