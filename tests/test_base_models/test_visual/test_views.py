"""Views are torchvision's crops, and averaging features is averaging log-probabilities."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.special import log_softmax, softmax
from support.world import picture
from torchvision.transforms import v2

from base_models.visual.views import Preprocessing, make_views

PLAIN = Preprocessing((32, 32), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bilinear", 0.875)


@given(st.integers(37, 90), st.integers(37, 90), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_ten_views_are_the_crops_of_torchvisions_ten_crop(width: int, height: int, seed: int) -> None:
    image = picture(width, height, seed)
    scale = 32 / 0.875 / min(width, height)
    resized = image.resize((max(32, round(width * scale)), max(32, round(height * scale))), Image.Resampling.BILINEAR)
    crops = v2.TenCrop(32)(v2.functional.to_dtype(v2.functional.to_image(resized), torch.float32, scale=True))
    theirs = {crop.numpy().round(4).tobytes() for crop in crops}
    ours = {np.ascontiguousarray(view).round(4).tobytes() for view in make_views(image, PLAIN, 10)}
    assert ours == theirs


@pytest.mark.parametrize("count", [1, 2, 5, 10])
def test_any_shape_gives_as_many_views_of_the_right_size(count: int) -> None:
    for width, height in ((1, 1), (300, 5), (5, 300), (32, 32), (640, 480)):
        assert make_views(picture(width, height), PLAIN, count).shape == (count, 3, 32, 32)


def test_two_views_mirror_each_other() -> None:
    plain, mirrored = make_views(picture(40, 40), replace(PLAIN, crop_share=1.0), 2)
    assert (plain == mirrored[..., ::-1]).all()


def test_pixels_are_normalised_by_channel() -> None:
    how = Preprocessing((8, 8), (0.5, 0.0, 0.25), (0.5, 1.0, 0.25), "bicubic", 1.0)
    view = make_views(Image.new("RGB", (8, 8), (255, 51, 0)), how, 1)[0]
    np.testing.assert_allclose(view[:, 3, 3], [1.0, 0.2, -1.0], atol=1e-5)


@given(st.integers(0, 10_000), st.sampled_from([1, 2, 5, 10]))
def test_a_linear_probe_on_mean_features_averages_log_probabilities_over_views(seed: int, views: int) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(4, views, 6))
    weights, intercept = random.normal(size=(6, 3)), random.normal(size=3)
    mean_of_logs = log_softmax(features @ weights + intercept, axis=2).mean(axis=1)
    renormalised = softmax(mean_of_logs, axis=1)
    np.testing.assert_allclose(softmax(features.mean(axis=1) @ weights + intercept, axis=1), renormalised, atol=1e-12)
