"""Text encoders that were exported: the same tokens, features within 1e-4, never in place of those trained on."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.world import toy_table

from base_models.exports import TOLERANCE, difference
from base_models.frozen import Frozen
from base_models.textual.encoder import TextEncoder, _say_eager
from base_models.textual.exported import PROBE, find, keep, tokeniser
from base_models.textual.loading import load_tokenizer
from base_models.textual.pooling import Pooling
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.system.files import read_json, write_json

LENGTH = 24
FAST = ("bert", "gpt2", "xlnet")
TEXTS = ["great monday", "hate", "", "\0", "😀😀", "مرحبا", "love " * 500, "coffee cat boss meeting exam"]


def posts(texts: list[str]) -> Dataset:
    table = toy_table(len(texts))
    return Dataset(table.frame.assign(text=texts), table.root, table.tasks)


def trained(model: str, root: Path, **params: Any) -> FeatureCache:
    """A cache as training leaves it."""
    cache = FeatureCache(root)
    Frozen(text=model, max_length=LENGTH, **params).prepare(posts(["seen before"]), cache)
    return cache


def of_new_posts(model: str, root: Path, texts: list[str], **params: Any) -> tuple[Any, FeatureCache]:
    """What predicting gets, and the cache it leaves."""
    cache = FeatureCache(root, of_new_posts=True)
    encoder = TextEncoder(model, params.get("pooling", "mean"), params.get("text_layer"), LENGTH)
    return cache.get(*encoder.request(posts(texts), cache)), cache


@pytest.fixture(scope="module")
def root(encoders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    trained(encoders["bert"], folder)
    return folder


@pytest.mark.parametrize("family", FAST)
@pytest.mark.parametrize(("pooling", "layer"), [("mean", None), ("first", None), ("last", -1), ("max", 0)])
def test_new_posts_get_what_the_network_gives_to_1e_4(
    encoders: dict[str, str], family: str, pooling: Pooling, layer: int | None, tmp_path: Path
) -> None:
    trained(encoders[family], tmp_path, pooling=pooling, text_layer=layer)
    found, cache = of_new_posts(encoders[family], tmp_path, TEXTS, pooling=pooling, text_layer=layer)
    expected = TextEncoder(encoders[family], pooling, layer, LENGTH).encode(TEXTS)
    assert [name.startswith("text-exported-") for name in cache.spent] == [True]
    assert difference(found, expected) <= TOLERANCE


@pytest.mark.parametrize("family", FAST)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(PROBE), min_size=1))
@settings(max_examples=60, deadline=None)
def test_tokens_are_those_of_transformers(encoders: dict[str, str], family: str, texts: list[str]) -> None:
    tokenizer = load_tokenizer(encoders[family])
    expected = tokenizer(texts, truncation=True, max_length=LENGTH)["input_ids"]
    assert tokeniser(tokenizer.backend_tokenizer.to_str())(texts) == expected


def test_what_was_trained_on_keeps_its_features_and_new_ones_never_reach_training(
    encoders: dict[str, str], root: Path
) -> None:
    model = encoders["bert"]
    own = TextEncoder(model, max_length=LENGTH)
    found, cache = of_new_posts(model, root, ["seen before", "never seen"])
    expected = own.encode(["seen before"])
    assert (found[0] == expected[0]).all()
    assert FeatureCache(root).count(own.key(), posts(["seen before", "never seen"]).text_hashes()) == 1
    seen, cache = of_new_posts(model, root, ["seen before"])
    assert (seen == expected).all() and not cache.spent


@pytest.mark.parametrize("harm", ["missing", "changed", "another runtime", "no note"])
def test_without_an_export_that_fits_the_network_itself_is_asked_and_that_is_said(
    encoders: dict[str, str], harm: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trained(encoders["bert"], tmp_path)
    (path,) = tmp_path.glob("onnx/*.onnx")
    note = path.with_name(f"{path.name}.json")
    if harm == "missing":
        path.unlink()
    if harm == "changed":
        path.write_bytes(path.read_bytes() + b" ")
    if harm == "another runtime":
        write_json(note, {**read_json(note), "onnxruntime": "0.1"})
    if harm == "no note":
        note.unlink()
    _say_eager.cache_clear()
    found, cache = of_new_posts(encoders["bert"], tmp_path, ["never seen"])
    assert list(cache.spent) == [TextEncoder(encoders["bert"], max_length=LENGTH).key()]
    assert (found == TextEncoder(encoders["bert"], max_length=LENGTH).encode(["never seen"])).all()
    assert len(caplog.messages) == 1 and "no export of it that fits" in caplog.text


def test_an_export_that_gives_something_else_is_not_kept(
    encoders: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Constant(torch.nn.Module):
        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return (ids * mask).sum(dim=1, keepdim=True) * len(ids)  # a trace takes the length for a constant

    def encode(texts: Any) -> Any:
        return np.zeros((len(texts), 1), dtype=np.float32)

    caplog.set_level(logging.INFO)
    tokenizer = load_tokenizer(encoders["bert"])
    keep(tmp_path / "text.onnx", tokenizer, Constant(), LENGTH, encode)
    assert not list(tmp_path.iterdir()) and find(tmp_path / "text.onnx") is None
    assert "PyTorch will encode new posts" in caplog.text and "\n" not in caplog.messages[-1]


def test_a_tokenizer_that_is_not_of_the_tokenizers_library_is_not_exported(
    encoders: dict[str, str], tmp_path: Path
) -> None:
    trained(encoders["transformer_xl"], tmp_path)
    assert not list(tmp_path.glob("onnx/*"))
