"""The textual learner: whatever people write is predicted for, and what was saved is all that predicting needs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.networks import Killed, curve, killed_after, one_core, same_weights
from support.texts import fitted, predicted, said, small
from support.world import SENTIMENT

from base_models.textual.finetuned import Textual
from base_models.textual.network import POOLINGS
from base_models.tiny import FAMILIES
from ensemble.data import Dataset
from ensemble.datasets.cells import strings
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext

WORDS = ["great monday", "coffee", "I hate meetings", "boss cat", "exam", "so much love for a monday"]
POSTS = said(WORDS * 3)
HOSTILE = [
    "",
    None,
    "😀😀🤷🏽‍♀️",
    "x" * 10_000,
    "monday " * 2000,
    "مرحبا بالعالم \u202e",
    "\0",
    "a\0b",
    " \t\n\u3000",
    "\ufffd?",
]


def assert_probabilities(values: np.ndarray, rows: int) -> None:
    assert values.shape == (rows, 3) and np.isfinite(values).all() and (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_whatever_people_write_is_fitted_on_and_predicted_for(encoders: dict[str, str], family: str) -> None:
    data = said([*HOSTILE, *WORDS])
    learner = fitted(small(encoders[family]), data)
    values = predicted(learner, data)
    assert_probabilities(values, len(data))
    facts = learner.training_info()
    assert facts["fit_texts"] == facts["predicted_texts"]
    assert facts["fit_texts"]["rows"] == len(data) and facts["fit_texts"]["missing"] == 1
    assert facts["fit_texts"]["blank"] == 2 and facts["fit_texts"]["cut"] >= 1
    assert all(np.isfinite(row["loss"]) for row in learner.curve())
    json.dumps(facts)


@settings(max_examples=10)
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=4))
@pytest.mark.parametrize("family", FAMILIES)
def test_any_text_is_predicted_for_and_alone_as_among_others(
    encoders: dict[str, str], family: str, texts: list[str]
) -> None:
    if family not in FITTED:
        FITTED[family] = fitted(small(encoders[family], dropout=0.0), POSTS)
    data = said(texts)
    values = predicted(FITTED[family], data)
    assert_probabilities(values, len(texts))
    np.testing.assert_allclose(predicted(FITTED[family], data.take([0])), values[:1], atol=1e-5)


FITTED: dict[str, Textual] = {}


def test_half_a_character_becomes_a_question_mark_before_it_is_read(encoders: dict[str, str]) -> None:
    read = strings(pd.Series(["sad \ud83d", "\udc00"], dtype=object)).tolist()
    assert read == ["sad ?", "?"]
    assert_probabilities(predicted(fitted(small(encoders["bert"]), said(read + WORDS)), said(read)), 2)


def test_rows_without_a_text_get_the_class_frequencies_and_teach_nothing(encoders: dict[str, str]) -> None:
    gone = said([None if row < 3 else text for row, text in enumerate(POSTS.texts)], ["negative", "neutral"])
    learner = fitted(small(encoders["bert"]), gone)
    values = predicted(learner, said([None, "monday", None]))
    np.testing.assert_allclose(values[[0, 2]], np.tile([10 / 21, 10 / 21, 1 / 21], (2, 1)))
    assert not np.allclose(values[1], values[0], atol=1e-4)
    assert learner.training_info()["fit_rows"] == 15
    assert learner.training_info()["predicted_texts"] == {"rows": 3, "missing": 2, "blank": 0, "cut": 0}
    predicted(learner, said([None, " "]))
    assert learner.training_info()["predicted_texts"] == {"rows": 5, "missing": 3, "blank": 1, "cut": 0}


def test_where_no_row_has_a_text_all_get_the_class_frequencies(encoders: dict[str, str], tmp_path: Path) -> None:
    learner = fitted(small(encoders["bert"]), said([None] * 3))
    learner.save(tmp_path)
    loaded = small(encoders["bert"])
    loaded.load(tmp_path)
    for one in (learner, loaded):
        np.testing.assert_allclose(predicted(one, POSTS), 1 / 3)
    assert learner.curve() == [] and learner.training_info()["fit_texts"] == {
        "rows": 3,
        "missing": 3,
        "blank": 0,
        "cut": 0,
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_saved_predicts_the_same_bits_when_the_model_is_gone(
    encoders: dict[str, str], family: str, tmp_path: Path
) -> None:
    model = shutil.copytree(encoders[family], tmp_path / "model")
    params = {"model": str(model), "lstm_layers": 2, "frozen_layers": 0, "layer_decay": 0.9, "lower": False}
    learner = fitted(small(**params), POSTS)
    data = said([*HOSTILE, "Great MONDAY"])
    expected = predicted(learner, data)
    (tmp_path / "saved").mkdir()
    learner.save(tmp_path / "saved")
    shutil.rmtree(model)
    shutil.move(tmp_path / "saved", tmp_path / "moved")
    loaded = small(**params)
    loaded.load(tmp_path / "moved")
    assert np.array_equal(predicted(loaded, data), expected)
    assert loaded.training_info()["predicted_texts"]["rows"] == len(data) and loaded.curve() == []
    loaded.save(tmp_path / "saved")
    again = small(**params)
    again.load(tmp_path / "saved")
    assert np.array_equal(predicted(again, data), expected)


def test_a_saved_learner_holds_no_pickle(encoders: dict[str, str], tmp_path: Path) -> None:
    fitted(small(encoders["gpt2"]), POSTS).save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors", ".txt", ".model", ".jinja"}


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_few_epochs_learn_which_word_names_the_class(encoders: dict[str, str], pretrained: bool) -> None:
    data = said([f"{word} monday" for word in ("hate", "coffee", "love")] * 8)
    how = {"epochs": 12, "batch": 8, "lr": 0.005}
    learner = fitted(small(encoders["bert"], pretrained=pretrained, lstm_width=16, hidden_width=0, training=how), data)
    assert (predicted(learner, data).argmax(axis=1) == data.labels(SENTIMENT)).all()
    assert learner.curve()[-1]["loss"] < 0.5 * learner.curve()[0]["loss"]


def test_frozen_layers_count_as_not_trained(encoders: dict[str, str]) -> None:
    facts = [fitted(small(encoders["bert"], frozen_layers=frozen), POSTS).training_info() for frozen in (None, 0, 1)]
    trained = [one["trainable_parameters"] for one in facts]
    assert facts[0]["parameters"] == trained[0] > trained[1] > trained[2] > 0


def long_fit(folder: Path | None, model: str, kill: int | None = None) -> Textual:
    """Every step saved; dropout, a validation set, batches by length and rates by depth."""
    how = {"epochs": 2, "validation": 0.3, "checkpoint_minutes": 0 if folder else 60, "lr": 1e-3, "warmup": 0.5}
    learner = small(model, lstm_layers=2, dropout=0.3, layer_decay=0.8, training=how)
    track = {} if kill is None else {"track": killed_after(kill)}
    learner.set_context(TrainingContext(folder, None, "toy", **track))  # type: ignore[arg-type]
    return fitted(learner, POSTS, seed=2)


@pytest.mark.parametrize(("family", "kill"), [("bert", 3), ("bert", 5), ("xlnet", 4)])
def test_a_training_that_was_killed_ends_with_the_bits_of_one_that_was_not(
    encoders: dict[str, str], family: str, kill: int, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        long_fit(tmp_path, encoders[family], kill)
    torch.manual_seed(99)  # another process, another random state
    whole, continued = long_fit(None, encoders[family]), long_fit(tmp_path, encoders[family])
    assert same_weights(continued.network_, whole.network_)  # type: ignore[arg-type]
    assert curve(continued.trained_) == curve(whole.trained_)  # type: ignore[arg-type]
    assert np.array_equal(predicted(continued, POSTS), predicted(whole, POSTS))


def test_preparing_reads_no_label_and_fills_the_cache_that_fitting_uses(
    encoders: dict[str, str], tmp_path: Path
) -> None:
    learner = small(encoders["bert"])
    learner.prepare(Dataset(POSTS.frame.assign(sentiment=None), POSTS.root, POSTS.tasks), FeatureCache(tmp_path))
    blocks = sorted(tmp_path.rglob("*.npy"))
    with one_core():
        predicted(fitted(learner, POSTS), POSTS)
    assert blocks and sorted(tmp_path.rglob("*.npy")) == blocks


def test_the_pooling_used_is_recorded_and_stays_with_what_was_saved(
    encoders: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = said(["great monday", "coffee", "hate"] * 3)
    learner = fitted(small(encoders["bert"]), data)
    assert learner.training_info()["pooling"] == "first"
    learner.save(tmp_path)
    monkeypatch.setitem(POOLINGS, "bert", "max")
    loaded = small(encoders["bert"])
    loaded.load(tmp_path)
    assert (predicted(loaded, data) == predicted(learner, data)).all()


def test_a_second_fit_counts_its_own_texts(encoders: dict[str, str]) -> None:
    learner, data = small(encoders["bert"]), said(["great monday", "coffee", "hate"] * 3)
    for _ in range(2):
        predicted(fitted(learner, data), data)
    assert learner.training_info()["predicted_texts"]["rows"] == len(data)


def test_texts_that_are_cut_are_said_once_with_the_remedy(
    encoders: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    data = said(["great monday " * 20, "coffee", "hate"])
    for _ in range(2):
        small(encoders["bert"], max_length=7).prepare(data, FeatureCache())
    (line,) = caplog.messages
    assert "1 of 3 texts are longer than max_length = 7 tokens" in line and "a larger max_length keeps them" in line


def test_a_tokenizer_with_more_words_than_the_network_is_refused(encoders: dict[str, str], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoders["bert"], tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 5}))
    with pytest.raises(LearnerError, match=r"has \d+ words, the network only 5: they are not of one model"):
        fitted(small(str(folder), pretrained=False), said(["great monday", "coffee", "hate"]))
