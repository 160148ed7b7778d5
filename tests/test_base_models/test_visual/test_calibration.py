"""Folded batch normalisation is found and restored, and the network computes what it did before."""

import pytest
import timm
import torch
from torch import nn

from base_models.visual.calibration import is_folded, restore_statistics
from base_models.visual.network import ImageClassifier, make_classifier, preprocessing_of


def pictures(rows: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (rows, 64, 64, 3), generator=generator, dtype=torch.uint8)


def trained_like() -> ImageClassifier:
    """A network whose layers have statistics of their own, as pretraining leaves them."""
    how = preprocessing_of("test_resnet", 64, None, None, None, None)
    network = make_classifier("test_resnet", 3, False, None, 64, 0, how)
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features, generator=generator) / 4
            module.running_var = 0.5 + torch.rand(module.num_features, generator=generator)
            nn.init.normal_(module.bias, std=0.1)
    return network.eval()


def fold(network: nn.Module) -> None:
    """What an export does: scale and statistics move into the convolution before, only the shift stays."""
    before = nn.Conv2d(1, 1, 1)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            before = module
        if isinstance(module, nn.BatchNorm2d):
            scale = module.weight / torch.sqrt(module.running_var + module.eps)
            before.weight.data *= scale.view(-1, 1, 1, 1)
            module.bias.data -= module.running_mean * scale
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)
            module.weight.data.fill_(1)


@pytest.fixture
def folded() -> ImageClassifier:
    network = trained_like()
    with torch.no_grad():
        expected = network(pictures(4))
        fold(network)
        torch.testing.assert_close(network(pictures(4)), expected, atol=1e-4, rtol=1e-4)
    return network


def test_a_folded_network_is_told_from_a_whole_one(folded: ImageClassifier) -> None:
    assert is_folded(folded)
    assert not is_folded(trained_like())


def test_a_network_without_batch_normalisation_is_not_folded() -> None:
    assert not is_folded(timm.create_model("test_vit", pretrained=False))


def test_restoring_changes_nothing_in_evaluation(folded: ImageClassifier) -> None:
    with torch.no_grad():
        before = folded(pictures(8, seed=5))
        restore_statistics(folded, pictures(32))
        torch.testing.assert_close(folded(pictures(8, seed=5)), before, atol=1e-4, rtol=1e-4)
    assert not is_folded(folded)


def test_after_restoring_a_batch_in_training_is_computed_almost_as_in_evaluation(folded: ImageClassifier) -> None:
    def gap() -> float:
        with torch.no_grad():
            evaluated = folded.eval()(pictures(64, seed=7))
            trained = folded.train()(pictures(64, seed=7))
        return float((evaluated - trained).abs().max() / evaluated.abs().max())

    without = gap()
    for module in folded.modules():  # training mode has moved the running statistics
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)
    restore_statistics(folded, pictures(64))
    assert gap() < 0.2 * without
