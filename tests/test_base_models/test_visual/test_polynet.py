"""PolyNet at any size is pretrainedmodels' PolyNet at its own."""

import pytest
import torch

from base_models.visual.network import POLYNET_IMAGES, ImageClassifier, make_classifier


def parameters(network: torch.nn.Module) -> float:
    """In millions."""
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


@pytest.fixture(scope="module")
def polynet() -> ImageClassifier:
    return make_classifier("polynet", 1000, False, None, None, 0, POLYNET_IMAGES).eval()


def test_it_has_as_many_parameters_as_published(polynet: ImageClassifier) -> None:
    assert parameters(polynet) == pytest.approx(95.4, abs=0.05)
    with torch.device("meta"):  # nothing but the shapes
        small = make_classifier("polynet", 3, False, None, None, 0, POLYNET_IMAGES)
    assert parameters(small) == pytest.approx(93.3, abs=0.05)


@torch.inference_mode()
def test_at_its_own_size_it_computes_what_its_authors_published(polynet: ImageClassifier) -> None:
    from pretrainedmodels.models.polynet import PolyNet, pretrained_settings

    with torch.device("meta"):
        theirs = PolyNet(num_classes=1000)
    theirs.load_state_dict(polynet.body.state_dict(), assign=True)
    pixels = torch.randint(0, 256, (1, 331, 331, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    published = pretrained_settings["polynet"]["imagenet"]
    mean, std = (torch.tensor(published[name]).view(3, 1, 1) for name in ("mean", "std"))
    expected = theirs.eval()((pixels.permute(0, 3, 1, 2) / 255 - mean) / std)
    assert published["input_size"] == [3, 331, 331] and published["input_space"] == "RGB"
    scale = expected.std()  # random weights give small logits
    assert torch.isfinite(expected).all() and scale > 0
    torch.testing.assert_close(polynet(pixels) / scale, expected / scale, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("size", [75, 100])
def test_it_takes_images_from_75_pixels_and_any_number_of_views(polynet: ImageClassifier, size: int) -> None:
    pixels = torch.randint(0, 256, (1, 2, size, size, 3), dtype=torch.uint8)
    together = polynet(pixels)
    assert together.shape == (1, 2, 1000) and torch.isfinite(together).all()
    alone = torch.stack([polynet(view) for view in pixels[0].split(1)], dim=1)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)
