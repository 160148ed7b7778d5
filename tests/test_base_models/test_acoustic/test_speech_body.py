"""Speech networks of every family: what their layers are, that padding changes nothing, what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from support import SHARED
from support.networks import one_core
from support.speech import KINDS, body_of, make_speech, sound
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from base_models.acoustic.body import SpeechBody, load_body, make_body, states
from ensemble.errors import LearnerError

WAVES = [kind for kind in KINDS if kind != "whisper"]
TINY_EN = SHARED / "weights" / "whisper-tiny.en-encoder"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("speech")
    return {kind: make_speech(root / kind, kind) for kind in KINDS}


@pytest.fixture(params=KINDS)
def body(request: pytest.FixtureRequest, folders: dict[str, Path]) -> SpeechBody:
    return body_of(folders[request.param])


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


def run(body: SpeechBody, sounds: Sequence[np.ndarray]) -> list[list[torch.Tensor]]:
    """Of each sound its layers, (frames, width), all sounds in one batch."""
    inputs = [torch.from_numpy(body.inputs(samples)) for samples in sounds]
    padded = torch.nn.utils.rnn.pad_sequence(inputs, batch_first=True)
    with torch.inference_mode():
        found = body(padded, torch.tensor([len(each) for each in inputs]))
    return [[layer[row, : body.frames(len(each))] for layer in found] for row, each in enumerate(sounds)]


def close(one: Sequence[torch.Tensor], other: Sequence[torch.Tensor]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        scale = float(theirs.std())
        torch.testing.assert_close(mine / scale, theirs / scale, atol=1e-5, rtol=1e-5)


def test_layers_are_what_enters_and_what_leaves_the_blocks_and_what_the_network_gives(body: SpeechBody) -> None:
    found = states(body, sound(8000))
    assert len(found) == body.layers + 2 == 4
    assert {layer.shape for layer in found} == {(body.frames(8000), body.width)}
    assert {layer.dtype for layer in found} == {np.dtype(np.float16)}
    assert all(np.isfinite(layer).all() for layer in found) and not np.allclose(found[0], found[1])


@pytest.mark.parametrize("kind", WAVES)
def test_layers_are_those_that_transformers_lists(kind: str, folders: dict[str, Path]) -> None:
    body = body_of(folders[kind])
    network = transformers.AutoModel.from_pretrained(folders[kind]).eval()
    inputs = torch.from_numpy(body.inputs(sound(8000)))[None]
    with torch.inference_mode():
        theirs = network(inputs, output_hidden_states=True)
    (ours,) = run(body, [sound(8000)])
    listed = [ours[0], *ours[1 : body.layers], theirs.hidden_states[-1][0]]
    close(listed, [layer[0] for layer in theirs.hidden_states])
    close(ours[-1:], [theirs.last_hidden_state[0]])
    normed = kind in ("wav2vec2", "wavlm-large")
    assert torch.equal(ours[-1], ours[-2]) != normed


def test_whisper_of_its_whole_window_gives_what_transformers_gives(folders: dict[str, Path]) -> None:
    body = body_of(folders["whisper"])
    network = transformers.WhisperModel.from_pretrained(folders["whisper"]).eval().encoder
    whole = sound(64_000)
    with torch.inference_mode():
        theirs = network(torch.from_numpy(body.inputs(whole).T.copy())[None], output_hidden_states=True)
    (ours,) = run(body, [whole])
    close([*ours[: body.layers], ours[-1]], [layer[0] for layer in theirs.hidden_states])


def test_a_clip_has_the_same_states_in_any_company(body: SpeechBody) -> None:
    sounds = [sound(length, seed) for seed, length in enumerate((9000, 400, 20_001, 5117, 20_001))]
    for together, each in zip(run(body, sounds), sounds, strict=True):
        close(together, run(body, [each])[0])


@settings(max_examples=8)
@given(lengths=st.lists(st.integers(1, 12_000), min_size=2, max_size=4))
@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_has_the_same_states_among_clips_of_any_length(kind: str, lengths: list[int], folders) -> None:  # type: ignore[no-untyped-def]
    body = BODIES.setdefault(kind, body_of(folders[kind]))
    sounds = [sound(length, seed) for seed, length in enumerate(lengths)]
    close(run(body, sounds)[0], run(body, sounds[:1])[0])


BODIES: dict[str, SpeechBody] = {}


@pytest.mark.parametrize("samples", [1, 50, 319, 320, 321, 399, 400, 641])
def test_a_sound_shorter_than_a_frame_is_one_frame(body: SpeechBody, samples: int) -> None:
    found = states(body, sound(samples))
    assert len(found[0]) == body.frames(samples) >= 1
    assert len(found[0]) == 1 or samples > body.shortest


def test_silence_has_states(body: SpeechBody) -> None:
    assert all(np.isfinite(layer).all() for layer in states(body, np.zeros(8000, dtype=np.float32)))


def test_whisper_reads_what_its_positions_hold_and_no_more(folders: dict[str, Path]) -> None:
    body = body_of(folders["whisper"])
    assert body.longest == 64_000 and body.frames(10**6) == 200
    long = sound(70_000)
    assert all((one == other).all() for one, other in zip(states(body, long), states(body, long[:64_000]), strict=True))


def test_whisper_hears_a_clip_at_its_own_length(folders: dict[str, Path]) -> None:
    body = body_of(folders["whisper"])
    assert body.frames(16_000) == 50 == len(states(body, sound(16_000))[0])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("prefix", ["", "encoder.", "model.encoder."])
def test_whisper_is_loaded_whole_and_alone_under_every_prefix(
    folders: dict[str, Path], tmp_path: Path, whole: bool, prefix: str
) -> None:
    alone = make_speech(tmp_path / "alone", "whisper", whole=False)
    weights = load_file(alone / "model.safetensors")
    others = {"decoder.layer_norm.weight": torch.ones(32)} if whole else {}
    named = {f"{prefix}{name}": tensor for name, tensor in weights.items()}
    save_file(
        named | {prefix.replace("encoder.", "") + name: each for name, each in others.items()},
        alone / "model.safetensors",
        {"format": "pt"},
    )
    body = body_of(alone)
    assert torch.equal(body.network.conv1.weight, weights["conv1.weight"])
    assert torch.equal(body.network.layers[1].fc2.weight, weights["layers.1.fc2.weight"])


def test_a_whole_whisper_is_read_as_its_encoder(folders: dict[str, Path]) -> None:
    theirs = transformers.WhisperModel.from_pretrained(folders["whisper"]).encoder.state_dict()
    body = body_of(folders["whisper"])
    assert isinstance(body.network, WhisperEncoder)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in body.network.state_dict().items())


@pytest.mark.parametrize("kind", ["wav2vec2", "whisper"])
def test_weights_that_do_not_fill_the_network_are_refused(kind: str, tmp_path: Path) -> None:
    folder = make_speech(tmp_path, kind)
    weights = load_file(folder / "model.safetensors")
    lost = next(
        name for name in weights if name.endswith("layers.1.fc2.weight" if kind == "whisper" else "dense.weight")
    )
    kept = {name: tensor for name, tensor in weights.items() if name != lost}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(LearnerError, match="holds the weights of another network: no"):
        make_body(str(folder), True, 0)


def test_weights_under_other_names_are_refused_not_replaced_by_random_ones(tmp_path: Path) -> None:
    folder = make_speech(tmp_path, "whisper", whole=False)
    weights = load_file(folder / "model.safetensors")
    save_file({f"tower.{name}": each for name, each in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(LearnerError, match=r"another network: no 'conv1\.bias'"):
        make_body(str(folder), True, 0)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    folder = make_speech(tmp_path, "whisper")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "encoder_ffn_dim": 96}))
    with pytest.raises(LearnerError, match="Cannot load model"):
        make_body(str(folder), True, 0)


def test_a_network_of_texts_is_refused(encoders: dict[str, str]) -> None:
    with pytest.raises(
        LearnerError, match="is a bert network, no speech encoder that is known here; give one of wav2vec 2"
    ):
        make_body(encoders["bert"], True, 0)


def test_a_folder_without_its_preprocessing_is_refused(tmp_path: Path) -> None:
    folder = make_speech(tmp_path, "wavlm")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(LearnerError, match=r"preprocessor_config\.json"):
        make_body(str(folder), True, 0)


def test_mels_of_another_number_are_refused(tmp_path: Path) -> None:
    folder = make_speech(tmp_path, "whisper")
    made = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**made, "feature_size": 20}))
    with pytest.raises(LearnerError, match="makes 20 mels, and the network reads 16"):
        make_body(str(folder), True, 0)


def test_an_adapter_is_refused(tmp_path: Path) -> None:
    folder = make_speech(tmp_path, "wav2vec2", add_adapter=True, num_adapter_layers=1)
    with pytest.raises(LearnerError, match="an adapter on its encoder"):
        make_body(str(folder), True, 0)


def test_training_draws_nothing_of_its_own(body: SpeechBody) -> None:
    body.train()
    for module in body.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    body.network.dropout = 0.0
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    once, again = (
        body(torch.from_numpy(body.inputs(sound(8000)))[None], torch.tensor([8000 if body.longest is None else 50]))
        for _ in range(2)
    )
    assert (np.random.get_state()[1] == state).all() and once[0].shape == again[0].shape  # type: ignore[index]


def test_random_weights_come_from_the_seed(folders: dict[str, Path]) -> None:
    folder = str(folders["wavlm"])
    one, same, other = (make_body(folder, False, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, same[name]) for name, tensor in one.items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_a_network_is_loaded_once_for_its_weights(folders: dict[str, Path]) -> None:
    folder = str(folders["whisper"])
    assert load_body(folder, "a") is load_body(folder, "a")


@pytest.mark.real_data
def test_the_published_encoder_without_its_decoder_hears_as_with_its_window() -> None:
    body = body_of(TINY_EN)
    samples = sound(480_000)
    with torch.inference_mode():
        theirs = body.network(torch.from_numpy(body.inputs(samples).T.copy())[None]).last_hidden_state[0]
    ours = states(body, samples)
    assert (len(ours), ours[-1].shape) == (6, (1500, 384))
    np.testing.assert_allclose(ours[-1].astype(np.float32), theirs.numpy(), atol=5e-3, rtol=5e-3)
