"""A lexicon knows words before it sees a label, and says so when it knows none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base_models.frozen import Frozen
from base_models.textual.lexicon import ENGLISH, Lexicon, read_lexicon, summary, valences
from ensemble.data import Codes, Dataset, Task
from ensemble.errors import LearnerError

MOOD = Task("mood", ("bad", "good"))
SCORES = {"good": 2.0, "love": 3.0, "bad": -2.5, ":d": 1.0, ":D": 2.5}
NEGATIONS = frozenset(ENGLISH.split())


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("good\t2.0\t0.3\t[2, 2]\nLove\t3\n\nbad\t-2.5\n:D\t2.5\n", encoding="utf-8")
    return path


def moods(rows: int, seed: int, flipped: float) -> tuple[Dataset, Codes]:
    """Posts with one good or bad word among others, a part of their labels wrong; and the right ones."""
    random = np.random.default_rng(seed)
    right = random.integers(2, size=rows)
    filling = random.choice(["the", "train", "today", "we", "city"], size=(rows, 4))
    texts = [" ".join([*others, ("bad", "good")[label]]) for others, label in zip(filling, right, strict=True)]
    said = np.where(random.random(rows) < flipped, 1 - right, right)
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(rows)], "part": "train", "text": texts, "image": None})
    return Dataset(frame.assign(mood=np.array(MOOD.classes)[said]), Path("."), (MOOD,)), right


def test_words_count_in_any_case_and_emoticons_in_theirs() -> None:
    assert valences("GOOD! I #love this :D", SCORES, NEGATIONS)[0] == [2.0, 3.0, 2.5]
    assert valences("goodness, beloved", SCORES, NEGATIONS)[0] == []


@pytest.mark.parametrize("text", ["not good", "isn\u2019t really that good", "Don't love"])
def test_a_word_behind_a_negation_is_turned_and_weakened(text: str) -> None:
    (found,), _ = valences(text, SCORES, NEGATIONS)
    assert -3.0 < found < 0
    assert valences(f"not a b c {text.split()[-1]}", SCORES, NEGATIONS)[0][0] > 0  # too far behind


@given(st.text(max_size=80), st.lists(st.sampled_from([*SCORES, "not"]), max_size=6))
def test_turning_every_score_swaps_what_is_good_and_what_is_bad(text: str, known: list[str]) -> None:
    text = " ".join([text, *known])
    good, bad, strength, size, best, worst, share = summary(*valences(text, SCORES, NEGATIONS))
    turned = {word: -score for word, score in SCORES.items()}
    expected = [bad, good, -strength, size, -worst, -best, share]
    np.testing.assert_allclose(summary(*valences(text, turned, NEGATIONS)), expected)
    assert 0 <= share <= 1 and good >= 0 and bad >= 0


def test_the_first_number_of_a_line_counts_and_words_are_found_in_lower_case(words: Path) -> None:
    assert read_lexicon(words, "once") == {"good": 2.0, "love": 3.0, "Love": 3.0, "bad": -2.5, ":d": 2.5, ":D": 2.5}


def test_it_bears_labels_of_which_three_in_ten_are_wrong(words: Path) -> None:
    learner, (data, _), (new, right) = Lexicon(str(words)), moods(300, 0, 0.3), moods(200, 1, 0.0)
    learner.fit(data, MOOD, seed=0)
    assert (learner.predict_proba(new).argmax(axis=1) == right).all()
    assert learner.training_info() == {}


def test_labels_that_are_noise_stay_at_chance(words: Path) -> None:
    learner, (data, _), (new, right) = Lexicon(str(words)), moods(2000, 0, 0.5), moods(400, 1, 0.0)
    learner.fit(data, MOOD, seed=0)
    assert abs(learner.predict_proba(new)[np.arange(400), right].mean() - 0.5) < 0.06


def test_texts_without_a_known_word_get_the_frequencies_and_a_note(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("merveilleux\t3\n", encoding="utf-8")
    learner, (data, _) = Lexicon(str(other), balance=0.0), moods(60, 0, 0.0)
    learner.fit(data, MOOD, seed=0)
    found = learner.predict_proba(data)
    assert np.ptp(found, axis=0).max() == 0 and abs(found[0, 1] - data.labels(MOOD).mean()) < 0.05
    assert "no text of the fit rows has a word of" in learner.training_info()["note"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("good\t2\nbad -2\n", "line 2: 'bad -2' is not a word, a tab and a number"),
        ("good\tnan\n", "line 1: 'good\\tnan' is not"),
        ("\t3\n", "line 1"),
        ("\n", "is empty"),
    ],
)
def test_what_is_no_lexicon_is_refused_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(LearnerError) as refused:
        read_lexicon(path, content)
    assert message in str(refused.value)


def test_a_missing_lexicon_is_said_before_anything_is_trained(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match=r"No such lexicon: .*nowhere\.txt"):
        Lexicon(str(tmp_path / "nowhere.txt")).sources()
    path = tmp_path / "latin.txt"
    path.write_bytes("sch\u00f6n\t2\n".encode("latin-1"))
    with pytest.raises(LearnerError, match="cannot be read as UTF-8"):
        Lexicon(str(path)).fit(moods(20, 0, 0.0)[0], MOOD, seed=0)


def test_beside_frozen_texts_it_needs_texts(words: Path) -> None:
    with pytest.raises(LearnerError, match="lexicon is of text, and text is not set"):
        Frozen(image="any", lexicon=str(words))
    assert "lexicon" not in vars(Frozen(text="any"))  # recorded as ever
    assert words in Frozen(text="a/hub-name", lexicon=str(words)).sources()
