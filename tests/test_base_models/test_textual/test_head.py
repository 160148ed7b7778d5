"""What stands on a text network sees real tokens only, and is what its parts say."""

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from base_models.textual.head import Head, HeadShape
from base_models.textual.pooling import Pooling, pool

WIDTH, CLASSES = 5, 3
POOLINGS = get_args(Pooling)
LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def masked(lengths: list[int], side: str, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """States with nonsense where padding is, and their mask."""
    longest = max(lengths)
    states = torch.randn(len(lengths), longest, WIDTH, generator=torch.Generator().manual_seed(seed))
    places = torch.arange(longest)[None]
    length = torch.tensor(lengths)[:, None]
    mask = (places < length if side == "right" else places >= longest - length).long()
    states[mask == 0] = 1e6
    return states, mask


def head_of(pooling: Pooling = "mean", lstm: int = 0, attention: int = 0, hidden: int = 0, dropout: float = 0) -> Head:
    torch.manual_seed(0)
    return Head(WIDTH, CLASSES, HeadShape(lstm, 4, attention, hidden, None, dropout), pooling)


@settings(max_examples=30)
@given(lengths=LENGTHS, side=st.sampled_from(["left", "right"]), seed=st.integers(0, 99))
def test_pooling_is_that_of_the_real_tokens_on_whichever_side_padding_is(
    lengths: list[int], side: str, seed: int
) -> None:
    states, mask = masked(lengths, side, seed)
    found = {how: pool(states, mask, how) for how in POOLINGS}
    for row, real in enumerate(mask.bool()):
        alone = states[row][real]
        expected = {"mean": alone.mean(dim=0), "first": alone[0], "last": alone[-1], "max": alone.amax(dim=0)}
        for how in POOLINGS:
            torch.testing.assert_close(found[how][row], expected[how])


@settings(max_examples=30)
@given(
    lengths=LENGTHS,
    pooling=st.sampled_from(POOLINGS),
    lstm=st.integers(0, 2),
    attention=st.sampled_from([0, 3]),
    hidden=st.sampled_from([0, 3]),
)
@torch.inference_mode()
def test_a_text_has_the_same_logits_alone_and_padded_with_nonsense(
    lengths: list[int], pooling: Pooling, lstm: int, attention: int, hidden: int
) -> None:
    head = head_of(pooling, lstm, attention, hidden).eval()
    states, mask = masked(lengths, "right")
    together = head(states, mask)
    assert together.shape == (len(lengths), CLASSES)
    for row, length in enumerate(lengths):
        alone = head(states[row : row + 1, :length], mask[row : row + 1, :length])
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
@torch.inference_mode()
def test_the_way_back_begins_at_each_texts_own_end(layers: int) -> None:
    head = head_of("first", lstm=layers).eval()
    states, mask = masked([2, 6, 4], "right")
    for row, length in enumerate([2, 6, 4]):
        read, _ = head.lstm(states[row : row + 1, :length])
        torch.testing.assert_close(head(states, mask)[row], head.classes(read[0, 0]))
    changed = states.clone()
    changed[0, 1] += 1
    assert not torch.allclose(head(changed, mask)[0], head(states, mask)[0]), "the first token has heard of the last"


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_head_of_no_width_is_a_linear_layer_on_the_pooled_vector(pooling: Pooling) -> None:
    head = head_of(pooling)
    states, mask = masked([3, 1], "right")
    expected = nn.functional.linear(pool(states, mask, pooling), head.classes.weight, head.classes.bias)
    assert torch.equal(head(states, mask), expected)
    assert sum(parameter.numel() for parameter in head.parameters()) == CLASSES * (WIDTH + 1)


@torch.inference_mode()
def test_attention_is_a_scaled_dot_product_among_real_tokens() -> None:
    head = head_of("mean", attention=4, hidden=6).eval()
    states, mask = masked([3, 5], "right")
    for row, length in enumerate([3, 5]):
        real = states[row, :length]
        weights = (head.query(real) @ head.key(real).T / 4**0.5).softmax(dim=1)
        pooled = (weights @ head.value(real)).mean(dim=0)
        expected = head.classes(head.hidden(pooled).relu())
        torch.testing.assert_close(head(states, mask)[row], expected, atol=1e-5, rtol=1e-5)


def test_dropout_is_in_training_only() -> None:
    head = head_of(lstm=2, hidden=4, dropout=0.5)
    states, mask = masked([3, 5], "right")
    states[mask == 0] = 0
    assert not torch.equal(head(states, mask), head(states, mask))
    head.eval()
    assert torch.equal(head(states, mask), head(states, mask))
