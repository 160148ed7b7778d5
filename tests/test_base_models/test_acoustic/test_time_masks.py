"""Time masks: drawn from seed, epoch and row, different each time, never over the whole sound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base_models.acoustic.finetuned import Acoustic
from base_models.acoustic.masking import TimeMasks
from ensemble.errors import LearnerError

RAMP = np.arange(200, dtype=np.float32).reshape(100, 2)


def hidden(masks: TimeMasks, inputs: np.ndarray, drawn: tuple[int, int, int]) -> np.ndarray:
    """(steps,) which are not as they were."""
    return (masks(inputs, drawn) != inputs).any(axis=1)


def test_masks_differ_between_epochs_rows_and_seeds_and_repeat() -> None:
    masks = TimeMasks(2, 0.2)
    draws = [(0, epoch, row) for epoch in range(5) for row in range(5)] + [(1, 0, 0)]
    found = {hidden(masks, RAMP, draw).tobytes() for draw in draws}
    assert len(found) > 20
    assert all((masks(RAMP, draw) == masks(RAMP, draw)).all() for draw in draws)


@given(
    steps=st.integers(1, 60),
    count=st.integers(0, 6),
    seed=st.integers(0, 1000),
    part=st.floats(0, 0.99),
    width=st.integers(1, 3),
)
def test_a_mask_hides_no_more_than_its_share_and_never_everything(
    steps: int, count: int, seed: int, part: float, width: int
) -> None:
    masks = TimeMasks(count, part / max(count, 1))
    inputs = np.random.default_rng(seed).normal(size=(steps, width)).astype(np.float32)
    there = hidden(masks, inputs, (seed, 0, 0))
    assert there.sum() <= part * steps and not there.all()


def test_the_mean_stands_for_what_is_hidden_and_what_is_given_stays() -> None:
    inputs = RAMP.copy()
    masked = TimeMasks(1, 0.9)(inputs, (0, 0, 3))
    there = (masked != RAMP).any(axis=1)
    assert there.any() and (inputs == RAMP).all()
    assert (masked[there] == RAMP.mean(axis=0)).all() and (np.diff(np.flatnonzero(there)) == 1).mean() > 0.9


def test_samples_are_masked_as_mels_are() -> None:
    masked = TimeMasks(1, 0.5)(np.arange(50, dtype=np.float32), (0, 0, 0))
    assert masked.shape == (50,) and masked.dtype == np.float32


@pytest.mark.parametrize("masks", [(1, 1.0), (2, 0.5), (10, 0.1), (4, 0.3)])
def test_masks_that_could_hide_everything_are_refused(masks: tuple[int, float]) -> None:
    with pytest.raises(LearnerError, match="could hide all of it; time_masks times mask_share must be below 1"):
        Acoustic("whisper", time_masks=masks[0], mask_share=masks[1])
