"""Frozen encoders: the same features whatever the batch, one line for what cannot be loaded."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.world import picture

from base_models.textual.encoder import TextEncoder, pool
from base_models.visual.encoder import ImageEncoder
from base_models.visual.runtime import eager, make_runtime
from ensemble.errors import LearnerError

TEXTS = ["great monday", "hate", "", "\0", "😀😀", "مرحبا", "love " * 500, "coffee cat boss meeting exam"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    paths = []
    for number in range(7):
        paths.append(folder / f"{number}.png")
        picture(40 + 9 * number, 70, seed=number).save(paths[-1])
    return paths


def test_a_text_has_the_same_features_whatever_it_is_encoded_with(encoders: dict[str, str]) -> None:
    for pooling in ("mean", "first", "last", "max"):
        encoder = TextEncoder(encoders["text"], pooling, max_length=32)
        together = encoder.encode(TEXTS)
        alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
        np.testing.assert_allclose(together, alone, atol=1e-5)
        assert np.isfinite(together).all()


def test_pooling_looks_at_real_tokens_only() -> None:
    states = torch.tensor([[[1.0], [3.0], [99.0]]])
    mask = torch.tensor([[1, 1, 0]])
    found = {how: pool(states, mask, how).item() for how in ("mean", "first", "last", "max")}  # type: ignore[arg-type]
    assert found == {"mean": 2.0, "first": 1.0, "last": 3.0, "max": 3.0}


def test_texts_and_layers_and_lengths_have_keys_of_their_own(encoders: dict[str, str]) -> None:
    keys = [
        TextEncoder(encoders["text"]).key(),
        TextEncoder(encoders["text"], layer=0).key(),
        TextEncoder(encoders["text"], max_length=16).key(),
        ImageEncoder(encoders["image"], 10).key(),
        ImageEncoder(encoders["image"], 1).key(),
    ]
    assert len(set(keys)) == len(keys)


def test_another_layer_gives_other_features(encoders: dict[str, str], files: list[Path]) -> None:
    last, embedded = (
        TextEncoder(encoders["text"], layer=layer, max_length=64).encode(TEXTS[:1]) for layer in (None, 0)
    )
    assert last.shape == embedded.shape and not np.allclose(last, embedded)
    early = ImageEncoder(encoders["image"], 1, layer=1).encode(files[:2])
    late = ImageEncoder(encoders["image"], 1).encode(files[:2])
    assert early.shape[0] == 2 and early.shape[1] != late.shape[1]


def test_the_exported_network_equals_the_eager_one(encoders: dict[str, str]) -> None:
    import timm

    network = timm.create_model(f"local-dir:{encoders['image']}", pretrained=True, num_classes=0).eval()
    pixels = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    exported = make_runtime(network, pixels, None)(pixels)
    np.testing.assert_allclose(exported, eager(network, torch.device("cpu"))(pixels), atol=1e-4)


def test_a_network_that_does_not_export_runs_eagerly_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            sign = 1 if pixels.sum() > 0 else -1  # no exporter follows a branch on data
            return sign * pixels.mean(dim=(2, 3))

    pixels = np.ones((2, 3, 8, 8), dtype=np.float32)
    assert make_runtime(Stubborn().eval(), pixels, None)(pixels).shape == (2, 3)
    assert "eager PyTorch" in caplog.text and "\n" not in caplog.messages[-1]


def test_images_have_the_same_features_whatever_they_are_encoded_with(
    encoders: dict[str, str], files: list[Path], tmp_path: Path
) -> None:
    encoder = ImageEncoder(encoders["image"], 5, folder=tmp_path)
    together = encoder.encode(files)
    alone = np.concatenate([encoder.encode([path]) for path in files])
    assert (together == alone).all()
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".onnx", ".json"]


def test_an_image_that_cannot_be_read_has_no_features_and_harms_no_other(
    encoders: dict[str, str], files: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(files[0].read_bytes()[:40])
    encoder = ImageEncoder(encoders["image"], 2)
    features = encoder.encode([files[0], broken, files[1]])
    assert np.isnan(features[1]).all()
    assert (features[[0, 2]] == encoder.encode([files[0], files[1]])).all()
    assert np.isnan(encoder.encode([broken])).all()


def test_features_are_the_mean_over_views(encoders: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "symmetric.png"
    half = picture(32, 64)
    whole = Image.new("RGB", (64, 64))
    whole.paste(half, (0, 0))
    whole.paste(half.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (32, 0))
    whole.save(path)
    one, two = (ImageEncoder(encoders["image"], views).encode([path]) for views in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize(
    "encode", [lambda name: TextEncoder(name).encode(["x"]), lambda name: ImageEncoder(name, 1).key()]
)
def test_a_folder_that_is_not_there_is_not_taken_for_a_hub_name(encode, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(LearnerError, match="No such model folder"):
        encode(str(tmp_path / "nothing"))


def test_a_folder_without_a_model_is_refused_in_one_line(tmp_path: Path, files: list[Path]) -> None:
    (tmp_path / "config.json").write_text("{}")
    for encode in (
        lambda: TextEncoder(str(tmp_path)).encode(["x"]),
        lambda: ImageEncoder(str(tmp_path), 1).encode(files),
    ):
        with pytest.raises(LearnerError, match="Cannot load") as caught:
            encode()
        assert "\n" not in str(caught.value)


def test_longer_texts_than_the_network_has_places_for_are_refused(encoders: dict[str, str]) -> None:
    TextEncoder(encoders["text"], max_length=64).encode(TEXTS)
    with pytest.raises(LearnerError, match=r"frozen: .*text reads 64 tokens at most; max_length = 65 is too long: set"):
        TextEncoder(encoders["text"], max_length=65).encode(["short"])


@pytest.mark.parametrize("kind", ["t5", "bart", "whisper", "clip", "vit", "vilt", "wav2vec2"])
def test_a_network_that_does_not_read_texts_alone_is_refused(
    encoders: dict[str, str], kind: str, tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoModel

    folder = shutil.copytree(encoders["text"], tmp_path / kind)
    config = AutoConfig.for_model(kind)
    if kind in ("vilt", "wav2vec2"):  # have words; that they want something else shows when they are run
        words = AutoConfig.from_pretrained(folder).vocab_size
        small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
        config = AutoConfig.for_model(kind, vocab_size=words, num_conv_pos_embeddings=16, **small)
        AutoModel.from_config(config).save_pretrained(folder)
    config.save_pretrained(folder)
    with pytest.raises(LearnerError, match=f"is a {kind} network, neither an encoder nor a decoder of texts") as caught:
        TextEncoder(str(folder)).encode(["x"])
    assert "\n" not in str(caught.value)


def test_folders_of_another_library_are_named_for_what_they_are(encoders: dict[str, str], files: list[Path]) -> None:
    with pytest.raises(LearnerError, match="image is a timm network, neither an encoder nor a decoder of texts"):
        TextEncoder(encoders["image"]).encode(["x"])
    for name, kind in (("text", "bert"), ("clip", "clip")):
        with pytest.raises(
            LearnerError, match=f"is a {kind} network saved by transformers, and image networks are timm's"
        ):
            ImageEncoder(encoders[name], 1).encode(files[:1])


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_refused(encoders: dict[str, str], files: list[Path], layer: int) -> None:
    with pytest.raises(LearnerError, match=f"text_layer = {layer}, and .* has 1 above its embeddings: set 0 to 1"):
        TextEncoder(encoders["text"], layer=layer, max_length=16).encode(["x"])
    with pytest.raises(LearnerError, match=f"image_layer = {9 * layer} of .*out of range"):
        ImageEncoder(encoders["image"], 1, layer=9 * layer).encode(files[:1])
