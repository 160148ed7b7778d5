"""Masks over time and features: how many, how wide, and what fills them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from base_models.uegd.masks import Masks, Spans

NONE = Spans(0, 0.2)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float16)


def masked(masks: Masks, states: np.ndarray, seed: int = 0) -> np.ndarray:
    """One row."""
    changed, means = states.copy(), states.mean(axis=(1, 2), dtype=np.float32)
    masks.apply(changed[None], np.array([states.shape[1]]), means[None], [np.random.default_rng(seed)])
    return changed


@settings(max_examples=100, deadline=None)
@given(size=st.integers(1, 400), count=st.integers(0, 10), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_spans_lie_inside_and_are_shorter_than_their_share(size: int, count: int, share: float, seed: int) -> None:
    masks, lengths = Masks(Spans(count, share), Spans(3, 0.5)), np.array([size, 7])
    spans = masks.draw(lengths, 4, 8, [np.random.default_rng(seed), np.random.default_rng(seed + 1)])
    assert spans.shape == (2, 4, count + 3, 2)
    for starts_and_ends, most, of in [(spans[0, :, :count], size, share), (spans[0, :, count:], 8, 0.5)]:
        starts, ends = starts_and_ends[..., 0], starts_and_ends[..., 1]
        assert ((starts >= 0) & (starts <= ends) & (ends <= most)).all()
        assert (ends - starts < max(1, int(of * most))).all()


def test_widths_and_places_are_even_over_all_that_are_possible() -> None:
    random, masks = np.random.default_rng(0), Masks(features=NONE)
    spans = np.concatenate([masks.draw(np.array([20]), 1, 100, [random])[0, 0] for _ in range(1000)])
    lengths = spans[:, 1] - spans[:, 0]
    widths = np.bincount(lengths)
    assert len(widths) == 4 and (abs(widths / len(spans) - 0.25) < 0.03).all(), "0 to floor(.2 * 20) - 1"
    single = np.bincount(spans[lengths == 1, 0], minlength=20)
    assert len(single) == 20 and (single > 0).all(), "the last place is among them"


def test_no_time_is_masked_of_fewer_than_five_frames() -> None:
    states = noise(1, 4, 40)
    assert (masked(Masks(features=NONE), states) == states).all()
    longer = noise(1, 30, 40)
    assert any((masked(Masks(features=NONE), longer, seed) != longer).any() for seed in range(5))


def test_what_is_masked_is_the_mean_of_its_layer_as_it_was() -> None:
    states = noise(3, 30, 200)
    changed = masked(Masks(), states)
    means = states.mean(axis=(1, 2), dtype=np.float32).astype(np.float16)
    for layer, was, mean in zip(changed, states, means, strict=True):
        assert (layer != was).any() and (layer[layer != was] == mean).all()


def test_each_layer_draws_its_own() -> None:
    states = np.repeat(noise(1, 30, 200), 2, axis=0)
    one, two = masked(Masks(), states)
    assert (one != two).any()


def test_masks_depend_on_the_generator_alone() -> None:
    states = noise(2, 30, 200)
    assert (masked(Masks(), states, 3) == masked(Masks(), states, 3)).all()
    assert (masked(Masks(), states, 3) != masked(Masks(), states, 4)).any()
