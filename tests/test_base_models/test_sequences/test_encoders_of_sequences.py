"""Encoders of sequences: each layer is what leaves the block itself, alone as in company; what is cut and refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.clips import tone, write_sound, write_video
from support.networks import one_core
from support.sequences import clips
from support.speech import make_speech

from base_models.sequences.frames import FrameEncoder, of_timm
from base_models.sequences.layers import Layer
from base_models.sequences.speech import SpeechEncoder
from base_models.sequences.states import SequenceEncoder, SequenceStates
from base_models.sequences.tokens import TokenEncoder
from base_models.tiny import FAMILIES
from ensemble.blocks import Array
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache

TEXTS = ["great monday", "", None, "coffee cat boss meeting exam", "\0", "love " * 100]


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(3):
        write_video(folder / f"{number}.mp4", seconds=1 + number, sound=tone(1 + number), seed=number)
    return clips(["0.mp4", None, "1.mp4", "2.mp4"], folder, "video")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("sounds")
    for number, seconds in enumerate([0.001, 0.5, 1.5]):
        write_sound(folder / f"{number}.wav", tone(seconds, 300 + 90 * number))
    return clips(["0.wav", "1.wav", None, "2.wav"], folder)


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory, encoders: dict[str, str]) -> dict[str, str]:
    """Image encoders of each kind, and speech encoders."""
    from transformers import ViTConfig, ViTModel

    folder = tmp_path_factory.mktemp("networks")
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    ViTModel(ViTConfig(**small, image_size=32, patch_size=8)).save_pretrained(folder / "vit")
    (folder / "vit" / "preprocessor_config.json").write_text('{"size": {"height": 32, "width": 32}}')
    speech = {kind: str(make_speech(folder / kind, kind)) for kind in ("wavlm", "whisper")}
    return {"timm": encoders["image"], "clip": encoders["clip"], "vit": str(folder / "vit"), **speech}


def states(encoder: SequenceEncoder, data: Dataset, *layers: Layer) -> list[list[Array | None]]:
    return SequenceStates(encoder, layers, FeatureCache()).read(data)


def alone_as_in_company(encoder: SequenceEncoder, data: Dataset, *layers: Layer) -> None:
    together = states(encoder, data, *layers)
    for row in range(len(data)):
        for layer, found in zip(layers, together, strict=True):
            (alone,) = states(encoder, data.take([row]), layer)
            assert (alone[0] is None) == (found[row] is None)
            if alone[0] is not None:
                np.testing.assert_array_equal(alone[0], found[row])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_has_all_its_tokens_in_any_company(encoders: dict[str, str], family: str) -> None:
    from base_models.textual.encoder import load
    from base_models.textual.loading import load_tokenizer

    data, encoder = clips(TEXTS, modality="text"), TokenEncoder(encoders[family], 32)
    alone_as_in_company(encoder, data, 0, 1, "last", "mean")
    tokens = load_tokenizer(encoders[family])([text or "" for text in TEXTS], truncation=True, max_length=32)[
        "input_ids"
    ]
    found = states(encoder, data, 0, 1, "last", "mean")
    for row, text in enumerate(TEXTS):
        if text is not None:
            assert found[0][row].shape == (max(1, len(tokens[row])), encoder.width)
    network = load(encoders[family], TokenEncoder(encoders[family]).key)[1]
    listed = network(input_ids=torch.tensor([tokens[3]]), output_hidden_states=True)
    np.testing.assert_allclose(found[0][3], listed.hidden_states[0][0].detach(), atol=2e-3)
    np.testing.assert_allclose(found[2][3], listed.last_hidden_state[0].detach(), atol=2e-3)
    mean = torch.stack([*listed.hidden_states[:-1], listed.last_hidden_state]).mean(dim=0)[0].detach()
    np.testing.assert_allclose(found[3][3], mean, atol=2e-3)


def test_gpt2s_highest_block_is_not_its_last_state(encoders: dict[str, str]) -> None:
    data = clips(TEXTS[:1], modality="text")
    block, last = states(TokenEncoder(encoders["gpt2"], 32), data, -1, "last")
    assert not np.allclose(block[0], last[0], atol=1e-2)  # a norm lies between the two


@pytest.mark.parametrize("kind", ["timm", "clip", "vit"])
def test_a_video_has_a_state_for_each_frame_in_any_company(
    networks: dict[str, str], videos: Dataset, kind: str
) -> None:
    encoder = FrameEncoder(networks[kind], fps=2.0)
    alone_as_in_company(encoder, videos, "last", 1)
    found = states(encoder, videos, "last", 1)
    assert [None if each is None else each.shape for each in found[0]] == [
        (2, encoder.width),
        None,
        (4, encoder.width),
        (6, encoder.width),
    ]
    assert not np.array_equal(found[0][0][0], found[0][0][1])  # the square moves


def test_frames_under_clip_are_its_class_token_before_and_after_the_last_norm(
    networks: dict[str, str], videos: Dataset
) -> None:
    from transformers import CLIPModel

    from base_models.multimodal.preprocessing import image_preprocessing
    from base_models.visual.views import make_views
    from ensemble.content.frames import read_frames

    zero, block, last, mean = states(FrameEncoder(networks["clip"], fps=1.0), videos, 0, 1, "last", "mean")
    vision = CLIPModel.from_pretrained(networks["clip"]).eval().vision_model
    pictures = read_frames(videos.root / "2.mp4", 1.0).pictures
    pixels = np.concatenate([make_views(each, image_preprocessing(networks["clip"]), 1) for each in pictures])
    with torch.no_grad():
        output = vision(pixel_values=torch.from_numpy(pixels), output_hidden_states=True)
    np.testing.assert_allclose(zero[3], output.hidden_states[0][:, 0], atol=2e-3)
    np.testing.assert_allclose(block[3], output.last_hidden_state[:, 0], atol=2e-3)
    np.testing.assert_allclose(last[3], output.pooler_output, atol=2e-3)
    np.testing.assert_allclose(mean[3], (output.hidden_states[0][:, 0] + output.pooler_output) / 2, atol=2e-3)


def test_timms_transformers_give_the_class_token_of_each_block(
    tmp_path: Path, videos: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import timm

    from base_models.visual import network as visual

    vit = timm.create_model("test_vit", num_classes=0)
    monkeypatch.setattr(visual, "create", lambda *given, **named: vit)
    encoder = FrameEncoder("test_vit")
    assert encoder.layers == len(vit.blocks)
    zero, top, last = states(encoder, videos, 0, -1, "last")
    with torch.no_grad():
        normed = vit.norm(torch.from_numpy(top[0].astype(np.float32)))
    np.testing.assert_allclose(last[0], normed, atol=5e-3)
    assert zero[0].shape == last[0].shape


def test_layers_that_differ_in_width_have_no_mean(networks: dict[str, str], videos: Dataset) -> None:
    encoder = FrameEncoder(networks["timm"])
    assert {found[0].shape[1] for found in states(encoder, videos, 0, 1, encoder.layers, "last")} == {3, 32, 96}
    with pytest.raises(LearnerError, match=r'its layers differ in width and have no mean; set a number, or "last"'):
        states(encoder, videos, "mean")
    with pytest.raises(LearnerError, match=r'there is no layer 6; set 0 to 5, -1 for the highest, "last" or "mean"'):
        states(encoder, videos, 6)


@pytest.mark.parametrize("kind", ["wavlm", "whisper"])
def test_a_sound_has_a_state_for_each_frame_in_any_company(
    networks: dict[str, str], sounds: Dataset, kind: str
) -> None:
    from base_models.acoustic.body import load_body

    encoder = SpeechEncoder(networks[kind])
    alone_as_in_company(encoder, sounds, 0, 1, "last", "mean")
    body = load_body(networks[kind], "")
    for found in states(encoder, sounds, 0, -1, "last", "mean"):
        lengths = [None if each is None else len(each) for each in found]
        assert lengths == [1, body.frames(8000), None, body.frames(24000)]


def test_the_mean_is_of_what_enters_and_of_what_leaves_each_block_and_the_last_state(
    networks: dict[str, str], sounds: Dataset
) -> None:
    layers = states(SpeechEncoder(networks["whisper"]), sounds, 0, 1, "last", "mean")
    zero, one, last, mean = (found[3].astype(np.float32) for found in layers)  # type: ignore[union-attr]
    np.testing.assert_allclose(mean, (zero + one + last) / 3, atol=5e-3)


def test_a_video_serves_as_sound(networks: dict[str, str], videos: Dataset) -> None:
    sounds = clips(videos.cells("video"), videos.root)
    (found,) = states(SpeechEncoder(networks["wavlm"]), sounds, "last")
    assert [each is None for each in found] == [False, True, False, False]


def test_longer_clips_are_cut_and_counted(networks: dict[str, str], videos: Dataset, sounds: Dataset) -> None:
    whole, half = FrameEncoder(networks["timm"], 2.0), FrameEncoder(networks["timm"], 2.0, 2.0)
    uncut, cut = states(whole, videos, "last")[0], states(half, videos, "last")[0]
    assert [len(each) for each in cut if each is not None] == [2, 4, 4]
    np.testing.assert_array_equal(cut[3], uncut[3][:4])
    assert (sum(whole.cut.values()), sum(half.cut.values()), len(half.cut)) == (0, 1, 3)
    speech = SpeechEncoder(networks["wavlm"], 1.0)
    assert len(states(speech, sounds, "last")[0][3]) < len(
        states(SpeechEncoder(networks["wavlm"]), sounds, "last")[0][3]
    )
    assert {path.name: is_cut for path, is_cut in speech.cut.items()} == {"0.wav": False, "1.wav": False, "2.wav": True}


def test_whisper_hears_no_more_than_its_positions(networks: dict[str, str], tmp_path: Path) -> None:
    write_sound(tmp_path / "0.wav", tone(5.0))
    encoder = SpeechEncoder(networks["whisper"])
    assert encoder.seconds == 4.0
    assert len(states(encoder, clips(["0.wav"], tmp_path), 1)[0][0]) == 200
    assert list(encoder.cut.values()) == [True]


def test_what_cannot_be_read_has_no_steps(networks: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "0.mp4").write_text("<html>")
    for encoder, modality in ((FrameEncoder(networks["clip"]), "video"), (SpeechEncoder(networks["wavlm"]), "audio")):
        (found,) = states(encoder, clips(["0.mp4"], tmp_path, modality), 1)
        assert found[0].shape == (0, 32)


def test_what_decides_the_states_is_in_the_key(networks: dict[str, str], encoders: dict[str, str]) -> None:
    clip, wavlm, bert = networks["clip"], networks["wavlm"], encoders["bert"]
    made: list[SequenceEncoder] = [FrameEncoder(clip), FrameEncoder(clip, 2.0), FrameEncoder(clip, 3.0, 5.0)]
    made += [FrameEncoder(networks["vit"]), SpeechEncoder(wavlm), SpeechEncoder(wavlm, 5.0)]
    made += [TokenEncoder(bert), TokenEncoder(bert, 64)]
    cache = FeatureCache()
    keys = [key for encoder in made for key in SequenceStates(encoder, [0, 1, "last", "mean"], cache).keys]
    assert len(set(keys)) == len(keys) == 4 * len(made)
    assert FrameEncoder(clip, 3).key == FrameEncoder(clip, 3.0).key


def test_timms_networks_are_told_by_name_and_by_folder(networks: dict[str, str]) -> None:
    names = ["convnext_tiny.fb_in22k", "hf-hub:timm/vit", "openai/clip-vit-large-patch14", *list(networks.values())[:3]]
    assert [of_timm(name) for name in names] == [True, True, False, True, False, False]


def test_networks_of_other_things_are_refused(networks: dict[str, str], encoders: dict[str, str]) -> None:
    for model in (encoders["bert"], networks["wavlm"]):
        with pytest.raises(LearnerError, match=r"preprocessor_config.json|no vision transformer|takes its images"):
            assert FrameEncoder(model).layers
    with pytest.raises(LearnerError, match="no speech encoder"):
        assert SpeechEncoder(encoders["bert"]).layers
