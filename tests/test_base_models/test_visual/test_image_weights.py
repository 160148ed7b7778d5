"""Weights of image networks, from a folder or a file: all but the top layer, or one line why not; never a pickle."""

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from support.photos import photographed
from support.world import SENTIMENT

from base_models.tiny import make_image_encoder
from base_models.visual.finetuned import Visual, VisualTraining
from base_models.visual.network import make_classifier
from base_models.visual.views import Preprocessing
from ensemble.data import Dataset
from ensemble.errors import LearnerError

HOW = Preprocessing((64, 64), (0.5,) * 3, (0.5,) * 3, "bilinear", 0.875)
STILL = VisualTraining(epochs=1, batch=5, lr=1e-9, momentum=0)  # weights stay where they started
HEAD = {"fc.weight", "fc.bias"}
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographed(tmp_path_factory.mktemp("shots"))


def weights(classes: int = 1000, model: str = "test_resnet", **arguments: Any) -> Tensors:
    """Of a network as somebody may have published it, its batch normalisation in use."""
    torch.manual_seed(11)
    tensors = dict(timm.create_model(model, pretrained=False, num_classes=classes, **arguments).state_dict())
    return {name: tensor + 0.1 if "running" in name else tensor for name, tensor in tensors.items()}


def encoder(folder: Path) -> tuple[str, Tensors]:
    """A local folder and the weights in it."""
    stored = weights(classes=0)
    save_file(stored, make_image_encoder(folder) / "model.safetensors")
    return str(folder), stored


def fitted(shots: Dataset, model: str = "test_resnet", seed: int = 0, **params: Any) -> Tensors:
    learner = Visual(model, size=64, views=2, training=STILL, **params)
    learner.fit(shots, SENTIMENT, seed)
    return dict(learner.network_.body.state_dict())  # type: ignore[union-attr]


def load(path: Path, classes: int = 3) -> Tensors:
    return dict(make_classifier("test_resnet", classes, True, str(path), 64, 0, HOW).body.state_dict())


def same(found: Tensors, expected: Tensors) -> set[str]:
    """Names of the learned weights that are as expected; statistics of batch normalisation left aside."""
    names = [name for name in expected if "running" not in name and "num_batches" not in name]
    return {n for n in names if found[n].shape == expected[n].shape and found[n].allclose(expected[n], atol=1e-6)}


def wrapped(tensors: Tensors) -> dict[str, object]:
    """As scripts that train on several GPUs save it."""
    return {"epoch": 3, "state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}}


@pytest.mark.parametrize("classes", [1000, 3, 0])
@pytest.mark.parametrize("kind", ["x.safetensors", "x.pth", "wrapped.pth"])
def test_a_checkpoint_is_loaded_all_but_its_top_layer(tmp_path: Path, kind: str, classes: int) -> None:
    path, published = tmp_path / kind, weights(classes)
    if path.suffix == ".pth":
        torch.save(wrapped(published) if "wrapped" in kind else published, path)
    else:
        save_file(published, path)
    found = load(path)
    assert all(found[name].equal(tensor) for name, tensor in published.items() if name not in HEAD)
    assert found["fc.weight"].shape[0] == 3 and not same(found, published) & HEAD


def test_training_starts_from_the_checkpoint(shots: Dataset, tmp_path: Path) -> None:
    published = weights()
    torch.save(published, tmp_path / "x.pth")
    found = fitted(shots, checkpoint=str(tmp_path / "x.pth"))
    assert same(found, published) == same(published, published) - HEAD


def test_a_checkpoint_in_half_precision_is_loaded(tmp_path: Path) -> None:
    published = weights()
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in published.items()}
    torch.save(halved, tmp_path / "x.pth")
    found = load(tmp_path / "x.pth")
    assert found["conv1.0.weight"].dtype == torch.float32
    torch.testing.assert_close(found["conv1.0.weight"], published["conv1.0.weight"], atol=1e-3, rtol=1e-3)


def test_a_local_folder_is_loaded_and_the_seed_draws_the_top_layer(shots: Dataset, tmp_path: Path) -> None:
    folder, stored = encoder(tmp_path / "encoder")
    found = [fitted(shots, folder, seed) for seed in (0, 0, 1)]
    assert all(same(one, stored) == same(stored, stored) for one in found)
    assert found[0]["fc.weight"].equal(found[1]["fc.weight"])
    assert not found[0]["fc.weight"].isclose(found[2]["fc.weight"]).any()


def test_without_pretraining_a_local_folder_only_gives_the_architecture(shots: Dataset, tmp_path: Path) -> None:
    folder, stored = encoder(tmp_path / "encoder")
    found = fitted(shots, folder, pretrained=False)
    assert set(found) >= set(stored) and "conv1.0.weight" not in same(found, stored)


def test_a_folder_without_weights_is_refused_in_one_line(shots: Dataset, tmp_path: Path) -> None:
    folder = make_image_encoder(tmp_path / "encoder")
    (folder / "model.safetensors").unlink()
    with pytest.raises(LearnerError, match=r"Cannot load image model '\S+encoder': .* params\.checkpoint\.$") as caught:
        fitted(shots, str(folder))
    assert "\n" not in str(caught.value)


class Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize("old_format", [True, False])
def test_no_object_is_unpickled_from_a_checkpoint(tmp_path: Path, old_format: bool) -> None:
    trap = {"state_dict": weights(), "trap": Trap(tmp_path / "sprung")}
    torch.save(trap, tmp_path / "x.pth", _use_new_zipfile_serialization=not old_format)
    with pytest.raises(LearnerError, match=r"x\.pth is not a file of weights that can be read: ") as caught:
        load(tmp_path / "x.pth")
    assert "\n" not in str(caught.value) and not (tmp_path / "sprung").exists()
    torch.load(tmp_path / "x.pth", weights_only=False)
    assert (tmp_path / "sprung").exists(), "the trap works"


def test_no_object_is_unpickled_from_a_local_folder(shots: Dataset, tmp_path: Path) -> None:
    folder = make_image_encoder(tmp_path / "encoder")
    (folder / "model.safetensors").unlink()
    torch.save({**weights(), "trap": Trap(tmp_path / "sprung")}, folder / "pytorch_model.bin")
    with pytest.raises(LearnerError, match="Cannot load image model"):
        fitted(shots, str(folder))
    assert not (tmp_path / "sprung").exists()


def spoiled(folder: Path, how: str) -> Path:
    """A checkpoint with something wrong."""
    path = folder / f"{how.replace(' ', '_')}.pth"
    if how == "absent":
        return path
    contents: dict[str, Any] = {
        "nothing in it": {},
        "a list": [torch.zeros(3)],
        "a whole network": torch.nn.Linear(2, 2),
        "another network": weights(model="test_efficientnet"),
        "another stem": weights(classes=3, in_chans=1),
        "no tensors": {name: [1.0] for name in weights()},
    }
    torch.save(contents.get(how, weights()), path)
    if how == "damaged":
        path.write_bytes(path.read_bytes()[:9000])
    if how == "empty":
        path.write_bytes(b"")
    return path


SPOILED = {
    "absent": r"^No such checkpoint: \S+\. Give a \.safetensors or \.pth file",
    "damaged": r"damaged\.pth is not a file of weights that can be read: ",
    "empty": r"empty\.pth is not a file of weights that can be read: ",
    "a list": r"is not a file of weights that can be read: ",
    "a whole network": r"is not a file of weights that can be read: ",
    "nothing in it": r"holds the weights of another network: no 'conv1\.0\.weight'",
    "another network": r"holds the weights of another network: no 'conv1\.0\.weight', .* and \d+ more that fits\.$",
    "another stem": r"holds the weights of another network: no 'conv1\.0\.weight' that fits\.$",
    "no tensors": "is not a file of weights that can be read|holds the weights of another network",
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_checkpoint_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, how: str) -> None:
    path = spoiled(tmp_path, how)
    with pytest.raises(LearnerError, match=SPOILED[how]) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_absent_checkpoint_is_one_line_before_anything_is_trained(tmp_path: Path) -> None:
    learner = Visual("test_resnet", checkpoint=str(tmp_path / "x.pth"))
    with pytest.raises(LearnerError, match="No such checkpoint"):
        [path.stat() for path in learner.sources()]


def test_a_checkpoint_to_start_from_is_no_random_start(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="checkpoint"):
        Visual("test_resnet", pretrained=False, checkpoint=str(tmp_path / "x.pth"))
