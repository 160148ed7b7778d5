"""Training views are torchvision's, and depend on seed, epoch and row alone."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.world import picture
from torchvision.transforms import InterpolationMode, v2

from base_models.neural.sampling import seed_of
from base_models.visual.augmentation import Augmentation
from base_models.visual.views import Pixels, Preprocessing

PLAIN = Preprocessing((32, 40), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", 0.875)
PAPERS = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3), "degrees": 10.0}
DRAWN = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(0, 10**6))


def pixels(width: int = 60, height: int = 50, seed: int = 0) -> Pixels:
    return np.asarray(picture(width, height, seed))


@pytest.fixture(scope="module")
def augment() -> Augmentation:
    return Augmentation(PLAIN, **PAPERS)


@given(drawn=st.lists(DRAWN, min_size=1, max_size=5, unique=True), order=st.randoms(), state=st.integers(0, 2**40))
def test_a_view_depends_on_seed_epoch_and_row_and_on_nothing_else(augment: Augmentation, drawn, order, state) -> None:  # type: ignore[no-untyped-def]
    views = {one: augment(pixels(), one) for one in drawn}
    torch.manual_seed(state)
    other = Augmentation(PLAIN, **PAPERS)
    for one in order.sample(drawn, len(drawn)):
        torch.rand(one[2] % 7)
        assert (other(pixels(), one) == views[one]).all()


@given(drawn=DRAWN, place=st.integers(0, 2))
def test_another_seed_epoch_or_row_has_another_view(augment: Augmentation, drawn, place: int) -> None:  # type: ignore[no-untyped-def]
    following = tuple(number + (position == place) for position, number in enumerate(drawn))
    assert seed_of(drawn) != seed_of(following)  # type: ignore[arg-type]
    assert (augment(pixels(), drawn) != augment(pixels(), following)).any()  # type: ignore[arg-type]


@given(drawn=DRAWN, state=st.integers(0, 2**40))
def test_the_global_random_state_is_left_as_it_was(augment: Augmentation, drawn, state: int) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(state)
    expected = torch.rand(3)
    torch.manual_seed(state)
    augment(pixels(), drawn)
    assert torch.equal(torch.rand(3), expected)


@given(width=st.integers(1, 300), height=st.integers(1, 300), drawn=DRAWN)
def test_an_image_of_any_shape_gives_a_view_of_the_right_size(
    augment: Augmentation, width: int, height: int, drawn: tuple[int, int, int]
) -> None:
    view = augment(pixels(width, height), drawn)
    assert view.shape == (32, 40, 3)
    assert view.dtype == np.uint8


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
@given(
    drawn=DRAWN,
    scale=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted).map(tuple),
    ratio=st.tuples(st.floats(0.3, 3), st.floats(0.3, 3)).map(sorted).map(tuple),
    degrees=st.floats(0, 180),
)
def test_a_view_is_what_torchvision_composes_from_the_same_seed(
    interpolation: str, drawn, scale, ratio, degrees
) -> None:  # type: ignore[no-untyped-def]
    theirs = v2.Compose(
        [
            v2.RandomResizedCrop((32, 40), scale=scale, ratio=ratio, interpolation=InterpolationMode(interpolation)),
            v2.RandomHorizontalFlip(p=0.5),
            v2.RandomRotation((-degrees, degrees), interpolation=InterpolationMode.BILINEAR, fill=0),
        ]
    )
    how = Preprocessing((32, 40), PLAIN.mean, PLAIN.std, interpolation, PLAIN.crop_share)
    ours = Augmentation(how, scale, ratio, degrees)(pixels(), drawn)
    torch.manual_seed(int(np.random.SeedSequence(drawn).generate_state(1, np.uint64)[0]) >> 1)
    assert (ours == np.asarray(theirs(Image.fromarray(pixels())))).all()


def test_without_crops_and_turns_half_of_the_views_are_the_image_and_half_its_mirror_image() -> None:
    plain = Augmentation(PLAIN, (1.0, 1.0), (40 / 32, 40 / 32), 0.0)
    image = pixels(40, 32)
    same = [(plain(image, (0, 0, row)) == image).all() for row in range(200)]
    mirrored = [(plain(image, (0, 0, row)) == image[:, ::-1]).all() for row in range(200)]
    assert (np.array(same) ^ np.array(mirrored)).all()
    assert 70 < sum(same) < 130


def test_corners_that_turn_into_view_are_black() -> None:
    white = np.full((32, 40, 3), 255, dtype=np.uint8)
    turned = Augmentation(PLAIN, (1.0, 1.0), (40 / 32, 40 / 32), 45.0)
    views = [turned(white, (0, 0, row)) for row in range(20)]
    assert all(view[16, 20].tolist() == [255] * 3 for view in views)
    assert any(view[0, 0].tolist() == [0] * 3 for view in views)
