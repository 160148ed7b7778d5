"""Text networks out of folders: weights and tokenizer or one line, and nobody's pickle is executed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.texts import fitted, predicted, said, small

from base_models.textual.loading import load_body, load_tokenizer
from base_models.textual.network import make_body
from base_models.tiny import FAMILIES
from ensemble.data import Dataset
from ensemble.errors import LearnerError

POSTS = said(["great monday", "coffee", "hate", "boss cat", "exam meeting", "love"])


@pytest.fixture
def folder(encoders: dict[str, str], tmp_path: Path) -> Path:
    """A model of one's own, to be damaged."""
    return Path(shutil.copytree(encoders["bert"], tmp_path / "model"))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def as_pickle(folder: Path, content: object) -> None:
    """As models were published before there were safetensors."""
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin")


def refused(message: str, folder: Path, read: Callable[..., object] = load_body) -> None:
    with pytest.raises(LearnerError, match=message) as caught:
        read(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_network_is_loaded_whole_in_single_precision_and_silently(
    encoders: dict[str, str], family: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(encoders[family])
    body = load_body(str(folder))
    load_tokenizer(str(folder))
    found = body.state_dict()
    for name, tensor in weights(folder).items():
        assert torch.equal(found[name], tensor), name
    assert {parameter.dtype for parameter in body.parameters()} == {torch.float32}
    assert capfd.readouterr() == ("", "") and not caplog.messages


def test_a_whole_training_says_nothing_of_its_own(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    learner = fitted(small(str(folder)), POSTS)
    predicted(learner, POSTS)
    assert capfd.readouterr() == ("", "")


def test_weights_in_half_precision_are_trained_in_single(folder: Path) -> None:
    halved = {name: tensor.bfloat16() for name, tensor in weights(folder).items()}
    save_file(halved, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "dtype": "bfloat16"}))
    for pretrained in (True, False):
        body = make_body(str(folder), pretrained, 0)
        assert {parameter.dtype for parameter in body.parameters()} == {torch.float32}


def test_random_weights_are_of_the_seed_and_leave_the_global_random_state_alone(folder: Path) -> None:
    state = torch.get_rng_state()
    drawn = [make_body(str(folder), False, seed).get_input_embeddings().weight for seed in (0, 0, 1)]
    assert torch.get_rng_state().equal(state)
    assert drawn[0].equal(drawn[1]) and not drawn[0].equal(drawn[2])


def test_what_classifying_does_not_need_is_left_out(encoders: dict[str, str]) -> None:
    assert make_body(encoders["bert"], True, 0).pooler is None
    assert make_body(encoders["gpt2"], True, 0).config.use_cache is False


def test_weights_without_the_pooler_are_whole(folder: Path) -> None:
    kept = {name: tensor for name, tensor in weights(folder).items() if not name.startswith("pooler.")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    make_body(str(folder), True, 0)


def test_weights_of_before_safetensors_are_read(folder: Path) -> None:
    expected = predicted(fitted(small(str(folder)), POSTS), POSTS)
    as_pickle(folder, weights(folder))
    assert np.array_equal(predicted(fitted(small(str(folder)), POSTS), POSTS), expected)


class Payload:
    """What a hostile file would have the reader do."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("beside", [True, False])
def test_a_pickle_that_would_run_a_command_is_refused_and_runs_nothing(folder: Path, beside: bool) -> None:
    harm = folder.parent / "harm"
    payload = Payload(f"touch {harm}")
    as_pickle(folder, {**weights(folder), "more": payload} if beside else payload)
    refused("its old file of weights holds more than tensors, and nothing else is unpickled", folder)
    assert not harm.exists()
    torch.load(folder / "pytorch_model.bin", weights_only=False)
    assert harm.exists(), "the file was harmless"


def without(folder: Path, *names: str) -> None:
    kept = {name: tensor for name, tensor in weights(folder).items() if name not in names}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def test_weights_that_lack_some_are_refused_by_name(folder: Path) -> None:
    without(folder, "encoder.layer.0.output.dense.weight", "embeddings.word_embeddings.weight")
    refused(
        r"holds the weights of another network: no 'embeddings\.word_embeddings\.weight', "
        r"'encoder\.layer\.0\.output\.dense\.weight'\.$",
        folder,
    )


def test_the_weights_of_another_network_are_refused(encoders: dict[str, str], folder: Path) -> None:
    shutil.copy(Path(encoders["gpt2"]) / "model.safetensors", folder)
    refused(r"holds the weights of another network: no 'embeddings\.LayerNorm\.bias', .* and \d+ more\.$", folder)


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 100}))
    refused("Cannot load model", folder)


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x08\0\0\0\0\0\0\0{}      "])
def test_damaged_weights_are_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    refused("Cannot load model|holds the weights of another network", folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model_type": "unheard-of"}'])
@pytest.mark.parametrize("pretrained", [True, False])
def test_a_damaged_configuration_is_refused(folder: Path, content: str, pretrained: bool) -> None:
    (folder / "config.json").write_text(content)
    refused(
        "Cannot load model .*Give a hub name, .* or the path of a local folder",
        folder,
        lambda m: make_body(m, pretrained, 0),
    )


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused("Cannot load model", folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_folder_without_a_tokenizer_is_refused(encoders: dict[str, str], family: str, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors"):
        shutil.copy(Path(encoders[family]) / name, tmp_path)
    refused(r"^Cannot load model .*vocabulary", tmp_path, load_tokenizer)


@pytest.mark.parametrize("family", ["bert", "transformer_xl"])
def test_a_vocabulary_without_words_is_refused(encoders: dict[str, str], family: str, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoders[family], tmp_path / "model"))
    (folder / "tokenizer.json").unlink(missing_ok=True)
    (folder / "vocab.txt").write_text("")
    refused("vocabulary", folder, load_tokenizer)


def test_an_empty_folder_and_an_empty_name_are_refused(tmp_path: Path) -> None:
    refused("there is no config.json in that folder", tmp_path, load_tokenizer)
    with pytest.raises(LearnerError, match="named by nothing"):
        small("").sources()


def test_a_folder_that_is_not_there_is_not_taken_for_a_hub_name(tmp_path: Path) -> None:
    for path in (str(tmp_path / "nothing"), "./nothing"):
        for use in (lambda one: one.sources(), lambda one: one.fit(POSTS, POSTS.tasks[0], 0)):
            with pytest.raises(
                LearnerError, match=r"^No such model folder: .*nothing\. Give a folder with config.json"
            ):
                use(small(path))


def longest(folder: Path, model_type: str = "bert") -> None:
    config = json.loads((folder / "config.json").read_text())
    changed = {"model_type": model_type, "max_position_embeddings": 20, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps({**config, **changed}))


@pytest.mark.parametrize(("kind", "places"), [("bert", 20), ("roberta", 18)])
def test_longer_texts_than_the_network_has_places_for_are_refused(folder: Path, kind: str, places: int) -> None:
    longest(folder, kind)
    data: Dataset = said(["great monday " * 40, "coffee", "hate"])
    with pytest.raises(
        LearnerError, match=rf"model reads {places} tokens at most; max_length = {places + 1} is too long: set"
    ):
        fitted(small(str(folder), max_length=places + 1, pretrained=False), data)
    learner = fitted(small(str(folder), max_length=places, pretrained=False), data)
    assert np.isfinite(predicted(learner, data)).all() and learner.training_info()["fit_texts"]["cut"] == 1


def test_what_neither_encodes_nor_decodes_alone_is_refused(folder: Path) -> None:
    from transformers import CLIPConfig, T5Config

    for config, kind in ((T5Config(), "t5"), (CLIPConfig(), "clip")):
        config.save_pretrained(folder)
        refused(f"is a {kind} network, neither an encoder nor a decoder", folder, lambda name: make_body(name, True, 0))
