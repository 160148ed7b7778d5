"""tf-idf counts once and learns its vocabulary from the fit rows alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer, TfidfVectorizer
from support.world import SENTIMENT, toy_table

from base_models import strength_search
from base_models.class_weights import smoothed_frequencies
from base_models.textual import tfidf
from base_models.textual.ngrams import count_few, weigh_few
from base_models.textual.tfidf import CHARACTER_COLUMNS, WORD_COLUMNS, Tfidf, count
from ensemble.features import FeatureCache

TEXTS = ("the cat sat on the mat", "the dog sat", "a cat and a dog", "")


def test_counts_are_of_word_and_character_n_grams() -> None:
    counts = count(TEXTS, words=1, characters=2)
    assert counts.shape == (4, WORD_COLUMNS + CHARACTER_COLUMNS)
    words = counts[:, :WORD_COLUMNS]
    assert words.sum(axis=1).ravel().tolist() == [[6, 3, 3, 0]] or np.asarray(words.sum(axis=1)).ravel().tolist() == [
        6,
        3,
        3,
        0,
    ]  # "a" is too short for a word


@given(st.lists(st.text() | st.sampled_from(("ab cd ab", "\u03a3\u0391\u03a3", "\x1c a", "x" * 30)), max_size=5))
def test_few_texts_have_the_bits_that_scikit_learn_gives_many(texts: list[str]) -> None:
    texts = [text.encode(errors="ignore").decode() for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfidf, "FEW_CHARACTERS", -1)
        many = count.__wrapped__((*texts, ""), 2, 5)
    few = count_few([*texts, ""], 2, 5, (WORD_COLUMNS, CHARACTER_COLUMNS))
    weighed = TfidfTransformer(sublinear_tf=True)
    weighed.idf_ = np.random.default_rng(0).uniform(1, 9, few.shape[1])
    for ours, theirs in ((few, many), (weigh_few(few, weighed.idf_), weighed.transform(many))):
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        for part in ("data", "indices", "indptr"):
            assert (getattr(ours, part) == getattr(theirs, part)).all()


def test_weights_equal_scikit_learns_vectoriser_fitted_on_the_fit_rows() -> None:
    data = toy_table(60)
    learner = Tfidf(words=1, characters=2, min_documents=1)
    learner.fit(data, SENTIMENT, seed=0)
    texts = [text or "" for text in data.texts]
    reference = TfidfVectorizer(sublinear_tf=True, norm=None).fit(texts)
    idf_of_words = np.sort(reference.idf_)
    ours = np.sort(learner.inverse_frequency_[learner.columns_ < WORD_COLUMNS])
    np.testing.assert_allclose(ours, idf_of_words, atol=1e-6)


def test_words_that_only_other_rows_have_play_no_part() -> None:
    data = toy_table(80)
    fit = data.take(np.arange(40))
    alone, prepared = Tfidf(), Tfidf()
    prepared.prepare(data.without_labels(), FeatureCache())
    for learner in (alone, prepared):
        learner.fit(fit, SENTIMENT, seed=0)
    assert (alone.columns_ == prepared.columns_).all()
    assert (alone.coefficients_ == prepared.coefficients_).all()


def test_text_that_names_the_label_is_read() -> None:
    data = toy_table(300)
    learner = Tfidf()
    learner.fit(data.take(np.arange(200)), SENTIMENT, seed=0)
    held = data.take(np.arange(200, 300))
    assert (learner.predict_proba(held).argmax(axis=1) == held.labels(SENTIMENT)).mean() > 0.6


@pytest.mark.parametrize(("text", "min_documents"), [("", 1), (" \t", 1), (None, 2), ("any text", 61)])
def test_without_a_vocabulary_class_frequencies_are_predicted_and_the_record_says_so(
    text: str | None, min_documents: int, tmp_path: Path
) -> None:
    data = toy_table(60)
    learner = Tfidf(min_documents=min_documents)
    learner.fit(data.with_columns(text=[text] * 60), SENTIMENT, seed=0)
    frequencies = smoothed_frequencies(data.labels(SENTIMENT), 3)
    np.testing.assert_allclose(learner.predict_proba(data), np.tile(frequencies, (60, 1)))
    assert "no word or piece of one in min_documents" in learner.training_info()["note"]
    learner.save(tmp_path)
    loaded = Tfidf()
    loaded.load(tmp_path)
    assert (loaded.predict_proba(data) == learner.predict_proba(data)).all()


def test_with_a_vocabulary_the_record_says_nothing_of_it() -> None:
    learner = Tfidf()
    learner.fit(toy_table(60), SENTIMENT, seed=0)
    assert learner.training_info() == {}


LETTERS = "aAb\u03a3\u03c3\u03c2\u0130\u00df.,' \t\n\u00a0\u2003\x1c\u00e9\u0301"  # whose case and spaces are odd


@given(texts=st.lists(st.text(st.sampled_from(LETTERS), max_size=30), min_size=1, max_size=6))
def test_counting_word_by_word_is_counting_text_by_text(texts: list[str]) -> None:
    settings: dict[str, Any] = {"norm": None, "alternate_sign": False, "dtype": np.float32}
    characters = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=CHARACTER_COLUMNS, **settings)
    plain, ours = characters.transform(texts), count(tuple(texts), 1, 5)[:, WORD_COLUMNS:]
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(ours, part), getattr(plain, part))


def test_of_many_rows_a_sample_chooses_the_strength_and_the_record_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data, of_all, of_some = toy_table(400), Tfidf(strengths=(1.0,)), Tfidf(strengths=(1.0,))
    of_all.fit(data, SENTIMENT, seed=0)
    monkeypatch.setattr(strength_search, "SEARCHED", 300)
    of_some.fit(data, SENTIMENT, seed=0)
    assert of_some.training_info() == {"note": "the strength is chosen on 300 of 400 fit rows"}
    np.testing.assert_allclose(of_some.predict_proba(data), of_all.predict_proba(data), atol=1e-3)


def test_a_search_among_many_rows_keeps_every_class_and_whole_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strength_search, "SEARCHED", 100)
    labels, groups = np.repeat([0, 1, 2], [2, 98, 900]), np.repeat(np.arange(500), 2)
    rows = strength_search.searched_rows([labels], [3], groups, seed=0)
    assert len(rows) == pytest.approx(100, abs=2) and set(labels[rows]) == {0, 1, 2}
    assert (np.bincount(groups[rows], minlength=500) != 1).all()
