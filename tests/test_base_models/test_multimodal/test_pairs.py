"""Posts as pairs: what is missing is flagged, and of what is there training may hide one half, never both."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.photos import photographed
from support.texts import tokens_of

from base_models.multimodal.pairs import PairExamples
from base_models.visual.pixels import ImageExamples, PixelSource
from base_models.visual.views import Preprocessing
from ensemble.features import FeatureCache

HOW = Preprocessing((32, 32), (0.5,) * 3, (0.5,) * 3, "bilinear", 1.0)
TEXT = np.array([True, False, True, True, False, True])
IMAGE = np.array([True, True, False, True, False, True])


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> ImageExamples:
    """One for each row that has an image, in their order."""
    data = photographed(tmp_path_factory.mktemp("shots"), [(32, 32)] * int(IMAGE.sum()))
    return ImageExamples(PixelSource(HOW, 1, FeatureCache()).of(data), HOW.size, 1)


def pairs_of(images: ImageExamples, modality_dropout: float = 0.0) -> PairExamples:
    return PairExamples(tokens_of([3, 1, 5, 2, 1, 4]), images, TEXT, IMAGE, modality_dropout)


def flags(modality_dropout: float, seed: int, epoch: int, rows: int = 2000) -> np.ndarray:
    """(rows, 2) what training sees of rows that have both."""
    both = np.ones(rows, dtype=bool)
    nothing: ImageExamples = None  # type: ignore[assignment]
    pairs = PairExamples(tokens_of([1] * rows), nothing, both, both, modality_dropout)
    return np.stack(pairs._shown([(seed, epoch, row) for row in range(rows)], np.arange(rows)), axis=1)


def test_each_row_has_its_own_image_and_what_is_missing_is_black_and_flagged(images: ImageExamples) -> None:
    rows = [5, 2, 0, 4, 3, 1]
    batch = pairs_of(images).batch(rows)
    assert batch["has_text"].tolist() == TEXT[rows].tolist() and batch["has_image"].tolist() == IMAGE[rows].tolist()
    assert batch["pixels"].shape == (6, 1, 32, 32, 3) and batch["pixels"].dtype == torch.uint8
    own = images.batch(range(len(images)))["pixels"]
    for place, row in enumerate(rows):
        expected = own[IMAGE[:row].sum()] if IMAGE[row] else torch.zeros_like(own[0])
        assert batch["pixels"][place].equal(expected)


def test_rows_without_any_image_make_a_batch(images: ImageExamples) -> None:
    batch = pairs_of(images).augmented([(0, 0, 2), (0, 0, 4)])
    assert batch["pixels"].shape == (2, 32, 32, 3) and not batch["pixels"].any()
    assert batch["has_image"].tolist() == [False, False] and batch["has_text"].tolist() == [True, False]


def test_training_sees_what_prediction_sees_where_nothing_is_hidden_or_varied(images: ImageExamples) -> None:
    pairs = pairs_of(images)
    plain, drawn = pairs.batch(range(6)), pairs.augmented([(3, 1, row) for row in range(6)])
    assert drawn["pixels"].equal(plain["pixels"][:, 0])
    assert all(drawn[name].equal(plain[name]) for name in set(plain) - {"pixels"})


def test_hidden_images_are_black_and_prediction_hides_nothing(images: ImageExamples) -> None:
    pairs = pairs_of(images, 1.0)
    drawn = pairs.augmented([(3, 1, row) for row in range(6)])
    assert not drawn["pixels"][~drawn["has_image"]].any()
    plain = pairs.batch(range(6))
    assert plain["has_text"].tolist() == TEXT.tolist() and plain["has_image"].tolist() == IMAGE.tolist()


def test_of_a_row_that_has_one_modality_nothing_is_hidden(images: ImageExamples) -> None:
    alone = TEXT ^ IMAGE
    for epoch in range(20):
        drawn = pairs_of(images, 1.0).augmented([(0, epoch, row) for row in range(6)])
        assert (drawn["has_text"].numpy()[alone] == TEXT[alone]).all()
        assert (drawn["has_image"].numpy()[alone] == IMAGE[alone]).all()


@given(share=st.floats(0, 1), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 500))
def test_never_both_halves_are_hidden(share: float, seed: int, epoch: int) -> None:
    assert flags(share, seed, epoch, 50).any(axis=1).all()


@pytest.mark.parametrize("share", [0.0, 0.2, 0.6, 1.0])
def test_as_many_rows_lose_a_half_as_asked_for_and_each_half_as_often(share: float) -> None:
    hidden = 1 - flags(share, seed=1, epoch=2).mean(axis=0)
    assert hidden == pytest.approx([share / 2, share / 2], abs=0.03)


def test_what_is_hidden_comes_from_seed_epoch_and_row_alone() -> None:
    first = flags(0.5, seed=1, epoch=2)
    np.random.seed(99)
    torch.manual_seed(99)
    assert (flags(0.5, seed=1, epoch=2) == first).all()
    assert (flags(0.5, seed=1, epoch=2, rows=40) == first[:40]).all(), "whatever else is in the batch"
    assert (flags(0.5, seed=1, epoch=3) != first).any() and (flags(0.5, seed=2, epoch=2) != first).any()
