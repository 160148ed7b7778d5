"""A learner that has seen held-out labels is named; one that is merely better is not."""

import numpy as np
import pytest
from support.world import Floats, skilled, table_of

from ensemble.data import Codes
from meta.leaks import leak_signs

ROWS = 500


def noise(seed: int, classes: int = 3) -> tuple[np.random.Generator, Codes, dict[str, Floats]]:
    """Labels that nothing tells, and honest learners that know the class frequencies and have opinions of their own,
    in part shared."""
    random = np.random.default_rng(seed)
    shares = np.arange(classes, 0, -1.0) ** 1.5
    labels = random.choice(classes, size=ROWS, p=shares / shares.sum())
    shared = 1.5 * np.log(shares) + 0.5 * random.normal(size=(ROWS, classes))
    return random, labels, {f"honest{n}": skilled(random, labels, classes, 0.0, shared) for n in range(4)}


def knowing(labels: Codes, classes: int, sure: float = 0.9) -> Floats:
    return np.where(np.eye(classes)[labels] > 0, sure, (1 - sure) / (classes - 1))


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_on_noise_a_learner_that_knows_the_labels_is_named_and_nobody_else(classes: int, seed: int) -> None:
    _, labels, honest = noise(seed, classes)
    assert leak_signs(table_of(labels, honest)) == {}
    signs = leak_signs(table_of(labels, {**honest, "knowing": knowing(labels, classes)}))
    assert list(signs) == ["knowing"]
    assert [sign["sign"] for sign in signs["knowing"]] == ["right_where_hard"]


def test_two_learners_that_know_the_labels_do_not_hide_each_other() -> None:
    _, labels, honest = noise(0)
    both = {"one": knowing(labels, 3), "two": knowing(labels, 3, 0.7)}
    assert set(leak_signs(table_of(labels, {**honest, **both}))) == set(both)


@pytest.mark.parametrize("difficulty", [0.0, 0.7])
@pytest.mark.parametrize("strength", [1.0, 1.7, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_learner_that_is_much_better_is_not_accused(seed: int, strength: float, difficulty: float) -> None:
    """Right in up to .87 of rows, where the others are right in half."""
    random = np.random.default_rng(seed)
    labels = random.choice(3, size=ROWS, p=[0.5, 0.3, 0.2])
    shared = difficulty * random.normal(size=(ROWS, 3))
    learners = {f"weak{n}": skilled(random, labels, 3, 0.6, shared) for n in range(4)}
    learners["strong"] = skilled(random, labels, 3, strength, shared)
    assert leak_signs(table_of(labels, learners)) == {}


def test_where_all_are_nearly_always_right_nobody_is_accused(random: np.random.Generator) -> None:
    labels = random.choice(2, size=ROWS)
    learners = {f"l{n}": skilled(random, labels, 2, 6.0, np.zeros((ROWS, 2))) for n in range(3)}
    assert leak_signs(table_of(labels, learners)) == {}


def outside(random: np.random.Generator, rows: int, classes: int = 3) -> Floats:
    return skilled(random, np.zeros(rows, dtype=np.int64), classes, 0.0, np.zeros((rows, classes)))


def test_confidence_that_is_only_there_inside_the_folds_is_a_sign() -> None:
    random, labels, honest = noise(1)
    learners = {**honest, "knowing": knowing(labels, 3)}
    test = {name: values[:200] for name, values in honest.items()} | {"knowing": outside(random, 200)}
    signs = leak_signs(table_of(labels, learners, test))
    assert list(signs) == ["knowing"]
    assert [sign["sign"] for sign in signs["knowing"]] == ["right_where_hard", "surer_in_folds"]


def test_a_shift_of_the_data_that_all_learners_feel_accuses_nobody() -> None:
    _, labels, honest = noise(2)
    test = {name: knowing(labels, 3, 0.97)[:200] for name in honest}
    assert leak_signs(table_of(labels, honest, test)) == {}


def test_too_few_rows_outside_the_folds_say_nothing() -> None:
    random, labels, _ = noise(3)
    table = table_of(labels, {"knowing": knowing(labels, 3)}, {"knowing": outside(random, 99)})
    assert leak_signs(table) == {}


def test_class_frequencies_of_fit_rows_are_no_confidence() -> None:
    """Between folds they differ in the fourth decimal, and their mean is another number again."""
    _, labels, honest = noise(4)
    frequencies = np.array([0.6, 0.3, 0.1]) + np.outer(np.arange(ROWS) % 5, [1e-4, -1e-4, 0])
    test = {name: values[:200] for name, values in honest.items()} | {"prior": np.tile([0.6005, 0.2995, 0.1], (200, 1))}
    assert leak_signs(table_of(labels, {**honest, "prior": frequencies}, test)) == {}


def test_a_learner_alone_is_accused_of_a_great_shift_only() -> None:
    random, labels, _ = noise(5)
    knows, honest = knowing(labels, 3), outside(random, ROWS)
    assert list(leak_signs(table_of(labels, {"a": knows}, {"a": outside(random, 200)}))) == ["a"]
    assert leak_signs(table_of(labels, {"a": honest}, {"a": outside(random, 200)})) == {}
    assert leak_signs(table_of(labels, {"a": knows})) == {}


@pytest.mark.parametrize("rare", [0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_who_always_says_the_most_frequent_class_has_not_seen_the_labels(seed: int, rare: float) -> None:
    random = np.random.default_rng(seed)
    labels = (random.random(ROWS) < rare).astype(np.int64)
    frequencies = np.log([1 - rare, rare])
    honest = {f"honest{n}": skilled(random, labels, 2, 1.0, np.zeros((ROWS, 2))) for n in range(3)}
    honest["skewed"] = skilled(random, labels, 2, 1.0, np.tile(frequencies, (ROWS, 1)))
    prior = np.tile([1 - rare, rare], (ROWS, 1))
    assert leak_signs(table_of(labels, {**honest, "prior": prior})) == {}


def test_who_knows_the_labels_is_named_also_where_one_class_is_rare() -> None:
    random = np.random.default_rng(0)
    labels = (np.arange(ROWS) < 25).astype(np.int64)
    honest = {f"honest{n}": skilled(random, labels, 2, 1.0, np.zeros((ROWS, 2))) for n in range(3)}
    prior = np.tile([0.95, 0.05], (ROWS, 1))
    assert list(leak_signs(table_of(labels, {**honest, "prior": prior, "knowing": knowing(labels, 2)}))) == ["knowing"]


def test_half_of_the_labels_known_are_seen_by_the_rows_outside_the_folds() -> None:
    random, labels, honest = noise(6)
    half = np.where((np.arange(ROWS) % 2 == 0)[:, None], knowing(labels, 3), outside(random, ROWS))
    test = {name: values[:200] for name, values in honest.items()} | {"half": outside(random, 200)}
    assert [sign["sign"] for sign in leak_signs(table_of(labels, {**honest, "half": half}, test))["half"]] == [
        "surer_in_folds"
    ]


def test_few_rows_of_a_class_say_nothing() -> None:
    labels = np.arange(40) % 2
    even = np.full((40, 2), 0.5)
    assert leak_signs(table_of(labels, {"a": even, "b": even, "knowing": knowing(labels, 2)})) == {}
