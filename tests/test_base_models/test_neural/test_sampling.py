"""Which rows are trained on, and in which order: of seed and epoch alone."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from support.networks import Vectors, split_of
from support.world import SENTIMENT, toy_table

from base_models.neural.sampling import Drawn, EpochSampler, Labelled, first_of, seed_of
from ensemble.errors import LearnerError

seeds = st.integers(0, 2**32)
row_lists = st.lists(st.integers(0, 500), min_size=1, max_size=60, unique=True)


LENGTHS = np.random.default_rng(0).geometric(0.05, 20_000)  # of texts, most of them short


def sampler(
    rows: list[int], batch: int = 8, seed: int = 0, resample: float = 0, lengths: np.ndarray | None = None
) -> EpochSampler:
    labels = np.array(rows) % 3
    return EpochSampler(np.array(rows), labels, batch, seed, resample, lengths=lengths)


def epoch(drawing: EpochSampler, number: int) -> list[list[Drawn]]:
    drawing.epoch = number
    return list(drawing)


@given(
    rows=row_lists,
    batch=st.integers(1, 70),
    seed=seeds,
    number=st.integers(0, 100),
    lengths=st.sampled_from([None, LENGTHS]),
)
def test_an_epoch_draws_every_row_once_in_full_batches(
    rows: list[int], batch: int, seed: int, number: int, lengths: np.ndarray | None
) -> None:
    drawing = sampler(rows, batch, seed, lengths=lengths)
    batches = epoch(drawing, number)
    assert sorted(row for drawn in batches for _, _, row in drawn) == sorted(rows)
    assert {(of, at) for drawn in batches for of, at, _ in drawn} == {(seed, number)}
    assert len(batches) == len(drawing)
    assert all(len(drawn) == batch for drawn in batches[:-1])
    assert len(batches) == 1 or batch == 1 or 2 <= len(batches[-1]) <= batch + 1, "no row is alone"


@given(
    rows=row_lists,
    seed=seeds,
    number=st.integers(0, 100),
    resample=st.sampled_from([0, 0.5, 2]),
    lengths=st.sampled_from([None, LENGTHS]),
)
def test_the_order_is_of_seed_and_epoch_and_of_nothing_else(
    rows: list[int], seed: int, number: int, resample: float, lengths: np.ndarray | None
) -> None:
    used = sampler(rows, 8, seed, resample, lengths)
    epoch(used, 5), epoch(used, number + 1)
    np.random.seed(1), torch.manual_seed(1)
    assert epoch(used, number) == epoch(sampler(rows, 8, seed, resample, lengths), number)


@given(rows=row_lists, seed=seeds, number=st.integers(0, 100), batch=st.integers(1, 70))
def test_without_lengths_the_order_is_a_permutation_of_seed_and_epoch(
    rows: list[int], seed: int, number: int, batch: int
) -> None:
    drawn = [row for one in epoch(sampler(rows, batch, seed), number) for _, _, row in one]
    assert drawn == np.random.default_rng([seed, number]).permutation(rows).tolist()


@given(
    rows=row_lists,
    each=st.integers(1, 9),
    size=st.integers(1, 4),
    number=st.integers(0, 100),
    lengths=st.sampled_from([None, LENGTHS]),
)
def test_processes_share_every_batch_evenly(
    rows: list[int], each: int, size: int, number: int, lengths: np.ndarray | None
) -> None:
    batch, labels = size * each, np.zeros(len(rows), dtype=np.int64)
    shares = [
        epoch(EpochSampler(np.array(rows), labels, batch, 0, rank_and_size=(rank, size), lengths=lengths), number)
        for rank in range(size)
    ]
    kept = [row for parts in zip(*shares, strict=True) for turn in zip(*parts, strict=True) for row in turn]
    if lengths is None:
        alone = [row for drawn in epoch(EpochSampler(np.array(rows), labels, batch, 0), number) for row in drawn]
        assert kept == alone[: len(rows) // size * size]
    assert len(kept) == len({row for _, _, row in kept}) == len(rows) // size * size
    assert len(shares[0]) == len(EpochSampler(np.array(rows), labels, batch, 0, rank_and_size=(0, size)))


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("resample", [0, 1])
def test_epochs_and_seeds_differ_in_order(resample: float, lengths: np.ndarray | None) -> None:
    rows = list(range(50))
    orders = [
        tuple(row for drawn in epoch(sampler(rows, 8, seed, resample, lengths), number) for _, _, row in drawn)
        for seed in range(4)
        for number in range(4)
    ]
    assert len(set(orders)) == 16


def padded(batches: list[list[Drawn]]) -> int:
    """Tokens that a network reads, padding included."""
    return sum(max(LENGTHS[row] for _, _, row in drawn) * len(drawn) for drawn in batches)


@pytest.mark.parametrize("resample", [0, 1])
@pytest.mark.parametrize("batch", [2, 16])
def test_batches_of_similar_length_spend_little_on_padding_and_come_in_any_order(resample: float, batch: int) -> None:
    rows = list(range(3000))
    by_length, shuffled = (sampler(rows, batch, 0, resample, lengths) for lengths in (LENGTHS, None))
    for number in range(3):
        batches = epoch(by_length, number)
        real = sum(LENGTHS[row] for drawn in batches for _, _, row in drawn)
        assert padded(batches) < 1.15 * real < 0.8 * padded(epoch(shuffled, number))
        means = [np.mean([LENGTHS[row] for _, _, row in drawn]) for drawn in batches]
        assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2, "long ones do not come together"


@given(rows=row_lists, batch=st.integers(1, 70), number=st.integers(0, 100))
def test_sorting_by_length_draws_the_same_rows_and_never_pads_more(rows: list[int], batch: int, number: int) -> None:
    sizes = [len(drawn) for drawn in epoch(sampler(rows, batch), number)]
    batches = epoch(sampler(rows, batch, lengths=LENGTHS), number)
    assert [len(drawn) for drawn in batches] == sizes
    if len(rows) % batch == 0:
        assert padded(batches) <= padded(epoch(sampler(rows, batch), number))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_over_some_epochs_every_row_is_drawn_whatever_its_length(size: int) -> None:
    rows, labels = np.arange(31), np.zeros(31, dtype=np.int64)
    seen: set[int] = set()
    for rank in range(size):
        drawing = EpochSampler(rows, labels, 4 * size, 0, rank_and_size=(rank, size), lengths=rows)
        seen |= {row for number in range(40) for drawn in epoch(drawing, number) for _, _, row in drawn}
    assert seen == set(rows.tolist())


def test_the_last_batch_holds_rows_of_any_length() -> None:
    drawing = sampler(list(range(300)), 16, lengths=np.arange(300))
    last = {frozenset(row for _, _, row in epoch(drawing, number)[-1]) for number in range(5)}
    assert len(last) == 5


@given(rows=row_lists, batch=st.integers(1, 70), resample=st.floats(0.01, 5))
def test_a_resampled_epoch_has_so_many_times_the_rows(rows: list[int], batch: int, resample: float) -> None:
    drawing = sampler(rows, batch, 0, resample)
    batches = epoch(drawing, 0)
    drawn = [row for drawn in batches for _, _, row in drawn]
    assert len(drawn) == max(1, round(resample * len(rows)))
    assert len(batches) == len(drawing)
    assert set(drawn) <= set(rows)


def test_resampling_makes_classes_equally_frequent_and_rows_of_a_class_too() -> None:
    labels = np.repeat([0, 1, 2], [900, 70, 30])
    rows = np.random.default_rng(0).permutation(2000)[:1000]
    drawn = [row for batch in EpochSampler(rows, labels, 64, seed=0, resample=30) for _, _, row in batch]
    times = np.array([np.count_nonzero(np.array(drawn) == row) for row in rows])
    np.testing.assert_allclose([times[labels == c].sum() / len(drawn) for c in range(3)], 1 / 3, atol=0.02)
    assert (times[labels == 2] > 200).all(), "no row of a rare class is left out"


def test_a_class_that_is_absent_is_no_obstacle_to_resampling() -> None:
    drawn = list(EpochSampler(np.arange(10), np.repeat([0, 2], 5), 4, seed=0, resample=1))
    assert sum(map(len, drawn)) == 10


@given(drawn=st.tuples(seeds, st.integers(0, 1000), st.integers(0, 10**6)))
def test_what_is_drawn_seeds_a_generator(drawn: Drawn) -> None:
    assert seed_of(drawn) == seed_of(drawn)
    assert 0 <= seed_of(drawn) < 2**63


def test_seed_epoch_and_row_all_matter_to_what_is_drawn() -> None:
    near = [(seed, number, row) for seed in range(10) for number in range(10) for row in range(10)]
    assert len({seed_of(drawn) for drawn in near}) == 1000


def test_a_batch_holds_augmented_rows_with_their_labels_in_the_order_drawn() -> None:
    labels = np.array([0, 1, 2, 1, 0])
    examples = Vectors(labels)
    drawn = [(3, 1, 4), (3, 1, 1), (3, 1, 2)]
    batch = first_of(Labelled(examples, labels).__getitems__(drawn))
    assert batch["labels"].tolist() == [0, 1, 2]
    assert torch.equal(batch["vectors"], examples.augmented(drawn)["vectors"])
    assert not torch.equal(batch["vectors"], examples.batch([4, 1, 2])["vectors"])


@given(groups=st.lists(st.integers(0, 15), min_size=40, max_size=40), share=st.floats(0.05, 0.5), seed=seeds)
def test_rows_put_aside_share_no_copies_with_those_that_are_trained_on(
    groups: list[int], share: float, seed: int
) -> None:
    assume(len(set(groups)) > 8)
    data = toy_table(40).with_columns(group=groups)
    problem = split_of(data, Vectors(data.codes(SENTIMENT)), share, seed)
    assert sorted([*problem.training, *problem.validation]) == list(range(40))
    assert not {groups[row] for row in problem.training} & {groups[row] for row in problem.validation}


def test_rows_put_aside_hold_their_share_of_every_class() -> None:
    data = toy_table(600)
    labels = data.codes(SENTIMENT)
    problem = split_of(data, Vectors(labels), 0.2, 1)
    shares = np.bincount(labels[problem.validation]) / np.bincount(labels)
    np.testing.assert_allclose(shares, 0.2, atol=0.01)


def test_no_row_is_put_aside_where_none_is_asked_for() -> None:
    data = toy_table(20)
    problem = split_of(data, Vectors(data.codes(SENTIMENT)), 0.0, 1)
    assert problem.training.tolist() == list(range(20)) and len(problem.validation) == 0


def test_a_share_that_puts_no_row_aside_is_refused() -> None:
    data = toy_table(40).with_columns(group=0)
    with pytest.raises(LearnerError, match="leaves none aside"):
        split_of(data, Vectors(data.codes(SENTIMENT)), 0.1, 0)
