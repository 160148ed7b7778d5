"""What is known of a language model that sees before its weights are, what is refused, and how weights come."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from support import ROOT
from support.networks import same_weights
from support.vlms import COLOURS, KINDS, SEEING, make_vlm, pictures

from base_models.textual.loading import load_tokenizer
from base_models.tiny import make_text_encoder
from base_models.vlm.body import architecture, body_of
from base_models.vlm.loading import chat_template, describe, template_files
from base_models.weights import local_files
from ensemble.errors import LearnerError


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make_vlm(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def copied(source: Path, folder: Path) -> Path:
    return Path(shutil.copytree(source, folder / "model"))


def changed(folder: Path, **changes: Any) -> str:
    """The folder with another configuration; a dict changes what is in it, None takes a name out."""
    file = folder / "config.json"
    config = json.loads(file.read_text())
    for name, value in changes.items():
        if isinstance(value, dict):
            config[name] |= value
        else:
            config[name] = value
    file.write_text(json.dumps(config))
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "side", "run"),
    [
        ("llava", 28, 16),
        ("tinyllava", 28, 16),
        ("blip2", 28, 6),
        ("blip2-old", 28, 6),
        ("smolvlm", 32, 4),
        ("idefics3", 32, 4),
        ("qwen2", 24, 9),
        ("qwen2.5", 24, 9),
        ("qwen3", 24, 9),
        ("internvl", 28, 4),
        ("gemma3", 28, 4),
    ],
)
def test_an_image_stands_for_as_many_tokens(folders: dict[str, Path], kind: str, side: int, run: int) -> None:
    described = describe(str(folders[kind]))
    assert described.preprocessing is not None
    assert described.preprocessing.size == (side, side)
    assert described.image_tokens.count(described.placeholder) == run == described.family.run


def test_an_image_of_smolvlm_has_its_wrappers_and_qwens_marker_has_them(folders: dict[str, Path]) -> None:
    smol, qwen = describe(str(folders["smolvlm"])), describe(str(folders["qwen2"]))
    known = load_tokenizer(str(folders["smolvlm"])).get_vocab()
    around, whole = known["<fake_token_around_image>"], known["<global-img>"]
    assert smol.image_tokens == (around, whole, *[smol.placeholder] * 4, around)
    assert smol.marker == "<image>"
    assert qwen.marker == "<|vision_start|><|image_pad|><|vision_end|>"
    assert set(qwen.image_tokens) == {qwen.placeholder}


def test_what_gemmas_template_writes_of_an_image_must_become_its_marker(folders: dict[str, Path]) -> None:
    gemma, intern = describe(str(folders["gemma3"])), describe(str(folders["internvl"]))
    assert (gemma.written, gemma.marker) == (
        "<start_of_image>",
        "\n\n<start_of_image><image_soft_token><end_of_image>\n\n",
    )
    known = load_tokenizer(str(folders["internvl"])).get_vocab()
    assert intern.image_tokens == (known["<img>"], *[intern.placeholder] * 4, known["</img>"])
    assert (intern.written, intern.marker) == ("", "<IMG_CONTEXT>")


def test_images_of_blip_2_come_first_under_a_number_no_text_has(folders: dict[str, Path]) -> None:
    new, old = describe(str(folders["blip2"])), describe(str(folders["blip2-old"]))
    assert new.images_first and old.images_first
    assert new.placeholder == load_tokenizer(str(folders["blip2"])).get_vocab()["<image>"]
    assert old.placeholder == len(load_tokenizer(str(folders["blip2-old"])))


def test_a_decoder_of_text_sees_nothing(folders: dict[str, Path]) -> None:
    described, body = describe(str(folders["text"])), architecture(str(folders["text"]))
    assert (described.preprocessing, described.image_tokens, body.has_images) == (None, (), False)
    assert body.parts() == ["language"]
    with pytest.raises(LearnerError, match="it sees no images; leave image_size away"):
        describe(str(folders["text"]), 32)


def test_squares_of_another_size_where_the_tower_takes_them(folders: dict[str, Path]) -> None:
    assert describe(str(folders["qwen2"]), 32).family.run == 16
    assert describe(str(folders["smolvlm"]), 16).family.run == 1
    with pytest.raises(LearnerError, match="it sees images of 28 x 28 pixels; image_size cannot be 56"):
        describe(str(folders["llava"]), 56)
    with pytest.raises(LearnerError, match="image of 30 pixels has no whole patches of 4 pixels by 2"):
        describe(str(folders["qwen2"]), 30)
    for side in (0, -32):
        with pytest.raises(LearnerError, match="stands for no token"):
            describe(str(folders["smolvlm"]), side)


def test_where_nothing_limits_a_tower_of_any_size_images_have_448_pixels(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(folders["qwen2"], tmp_path)
    (folder / "preprocessor_config.json").write_text(json.dumps(COLOURS))
    assert describe(str(folder)).family.side == 448


@pytest.mark.parametrize("kind", SEEING)
def test_what_transformers_5_saves_is_read_as_well(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    folder = copied(folders[kind], tmp_path)
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": said, "processor_class": "Any"}))
    assert describe(str(folder)).preprocessing == describe(str(folders[kind])).preprocessing


def test_a_folder_that_says_nothing_of_images_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(folders["llava"], tmp_path)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(LearnerError, match=r"no preprocessor_config\.json in that folder"):
        describe(str(folder))


@pytest.mark.parametrize("kind", ["llava", "smolvlm"])
def test_colours_that_nobody_gives_are_not_guessed(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    folder = copied(folders[kind], tmp_path)
    said = json.loads((folder / "preprocessor_config.json").read_text())
    del said["image_mean"], said["resample"]
    (folder / "preprocessor_config.json").write_text(json.dumps(said))
    with pytest.raises(LearnerError, match="gives no image_mean and no resample"):
        describe(str(folder))


@pytest.mark.parametrize(
    ("kind", "changes", "said"),
    [
        ("llava", {"vision_config": {"patch_size": 0}}, "division"),
        ("llava", {"vision_config": {"image_size": 56}}, r"it sees 56 x 56 pixels, but .* cuts \(28, 28\)"),
        ("llava", {"vision_config": {"model_type": "dinov2"}}, "tower is a dinov2, not CLIP's or SigLIP's"),
        ("llava", {"vision_config": {"image_size": -28}}, "stands for no token"),
        ("llava", {"vision_feature_layer": -9}, "vision_feature_layer is -9, of 3 layers"),
        ("llava", {"vision_feature_select_strategy": "best"}, "vision_feature_select_strategy"),
        ("llava", {"image_token_index": 40}, "token of images, 40, is no special one"),
        ("llava", {"image_token_index": 4000}, "token of images, 4000, is no special one"),
        ("blip2", {"text_config": {"model_type": "t5"}}, "has an encoder"),
        ("blip2", {"qformer_config": {"use_qformer_text_input": True}}, "Q-Former reads text"),
        ("blip2", {"num_query_tokens": 0}, "stands for no token"),
        ("smolvlm", {"scale_factor": 3}, "no whole patches"),
        ("smolvlm", {"scale_factor": "two"}, "."),
        ("qwen2.5", {"vision_config": {"spatial_merge_size": 0}}, "division"),
        ("text", {"logits_scaling": 8.0}, "logits_scaling of logits is not read"),
    ],
)
def test_odd_configurations_are_refused_in_one_line(
    folders: dict[str, Path], kind: str, changes: dict[str, Any], said: str, tmp_path: Path
) -> None:
    model = changed(copied(folders[kind], tmp_path), **changes)
    with pytest.raises(LearnerError, match=said) as caught:
        describe(model)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_decoder_is_taken_and_an_encoder_refused(family: str, tmp_path: Path) -> None:
    model = str(make_text_encoder(tmp_path / family, ["so sad", "so happy"], family))
    if family == "gpt2":
        body = body_of(model, False, 0).eval()
        ids = torch.tensor([[1, 2, 3]])
        torch.testing.assert_close(body.logits(body.hidden(ids, torch.ones_like(ids))), body.model(ids).logits)
    else:
        with pytest.raises(LearnerError, match="neither a decoder of text nor one of those that see"):
            body_of(model, False, 0)


def test_a_decoder_without_keys_and_values_is_refused(tmp_path: Path) -> None:
    model = str(make_text_encoder(tmp_path / "xlnet", ["so sad", "so happy"], "xlnet"))
    with pytest.raises(LearnerError, match="no decoder that can go on from a prompt"):
        body_of(model, False, 0)


def test_nobodys_code_is_run(folders: dict[str, Path], tmp_path: Path) -> None:
    folder, ran = copied(folders["llava"], tmp_path), tmp_path / "ran"
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(ran)!r}).touch()\nclass Evil: pass\n")
    code = {"AutoConfig": "evil.Evil", "AutoModelForImageTextToText": "evil.Evil", "AutoTokenizer": ["evil.Evil", None]}
    for file in ("config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json"):
        said = json.loads((folder / file).read_text()) | {"auto_map": code | {"AutoImageProcessor": "evil.Evil"}}
        (folder / file).write_text(json.dumps(said))
    body_of(str(folder), True, 0)
    changed(folder, model_type="evil")
    with pytest.raises(LearnerError):
        body_of(str(folder), True, 0)
    assert not ran.exists()


def test_no_file_of_ours_trusts_code_of_others() -> None:
    trusting = [path for path in (ROOT / "base_models").rglob("*.py") if "trust_remote_code=True" in path.read_text()]
    assert trusting == []


@pytest.mark.parametrize("kind", ["llava", "text"])
def test_a_changed_chat_template_changes_the_sources(folders: dict[str, Path], kind: str, tmp_path: Path) -> None:
    folder = copied(folders[kind], tmp_path)
    before = chat_template(str(folder))
    assert before is not None
    (folder / "chat_template.jinja").write_text("other {{ messages }}")
    assert chat_template(str(folder)) == "other {{ messages }}"
    assert template_files(str(folder)) == [folder / "chat_template.jinja"]
    (folder / "chat_template.jinja").unlink()
    assert template_files(str(folder)) == []
    said = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**said, "chat_template": "third {{ messages }}"}))
    assert chat_template(str(folder)) == "third {{ messages }}"
    assert folder / "tokenizer_config.json" in local_files(str(folder))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": "fourth"}))
    assert chat_template(str(folder)) == "fourth"
    assert folder / "chat_template.json" in local_files(str(folder))


def test_no_chat_template_is_none(folders: dict[str, Path]) -> None:
    assert chat_template(str(folders["tinyllava"])) is None


@pytest.mark.parametrize("kind", ["llava", "blip2", "qwen3", "text"])
def test_random_weights_are_of_their_seed_and_leave_the_generator_alone(folders: dict[str, Path], kind: str) -> None:
    torch.manual_seed(5)
    one, other, another = (body_of(str(folders[kind]), False, seed) for seed in (1, 1, 2))
    drawn = torch.rand(())
    torch.manual_seed(5)
    assert drawn == torch.rand(())
    assert same_weights(one, other)
    assert not same_weights(one, another)


@pytest.mark.parametrize("kind", ["llava", "blip2", "smolvlm", "qwen2.5", "text"])
@pytest.mark.parametrize("pretrained", [True, False])
def test_half_precision_says_nearly_the_same(folders: dict[str, Path], kind: str, pretrained: bool) -> None:
    whole, half = (
        body_of(str(folders[kind]), pretrained, 0, dtype).eval() for dtype in (torch.float32, torch.bfloat16)
    )
    assert (whole.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    ids = torch.tensor([[*whole.image_tokens, 40, 41, 42]])
    with torch.inference_mode():
        said = [
            body.hidden(ids, torch.ones_like(ids), body.see(pictures(1, body.family.side)) if body.has_images else None)
            for body in (whole, half)
        ]
    assert said[1].dtype == torch.bfloat16
    if pretrained:
        torch.testing.assert_close(said[1].float(), said[0], atol=0.2, rtol=0.1)


def test_weights_of_another_network_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(folders["llava"], tmp_path)
    shutil.copy(folders["smolvlm"] / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(LearnerError, match="weights have not the shapes that its config"):
        body_of(str(folder), True, 0)
    shutil.copy(make_text_encoder(tmp_path / "bert", ["so sad"]) / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(LearnerError, match="holds the weights of another network: no "):
        body_of(str(folder), True, 0)


def test_a_description_is_read_once_until_a_file_changes(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(folders["llava"], tmp_path)
    once = describe(str(folder))
    assert describe(str(folder)) is once
    (folder / "chat_template.jinja").write_text("other {{ messages }}")
    assert describe(str(folder)).template == "other {{ messages }}"
    changed(folder, vision_feature_select_strategy="full")
    assert describe(str(folder)).family.run == once.family.run + 1
