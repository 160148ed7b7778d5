"""The published language models that see at full size, by configuration alone: nothing is loaded, nothing computed."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.published_vlms import (
    BLIP2_OPT,
    GEMMA3_4B,
    LLAVA_7B,
    QWEN2_5_VL_3B,
    QWEN2_VL_2B,
    QWEN3_VL_2B,
    SMOLLM2_135M,
    SMOLVLM_256M,
    TINY_LLAVA,
)

from base_models.multimodal.adapters import add_adapters
from base_models.vlm.body import Body, architecture

EVERY = ("q_proj", "k_proj", "v_proj", "o_proj")


def published(folder: Path, config: dict[str, object]) -> Body:
    (folder / "config.json").write_text(json.dumps(config))
    return architecture(str(folder))


def count(body: Body, parts: Sequence[str]) -> int:
    return sum(parameter.numel() for parameter in body.parameters_of(parts).values())


@pytest.mark.parametrize(
    ("config", "parameters", "run"),
    [
        (LLAVA_7B, 7_063_427_072, 576),
        (TINY_LLAVA, 1_410_113_536, 576),
        (BLIP2_OPT, 3_744_761_856, 32),
        (SMOLVLM_256M, 256_484_928, 64),
        (QWEN2_VL_2B, 2_208_985_600, 256),
        (QWEN2_5_VL_3B, 3_754_622_976, 256),
        (QWEN3_VL_2B, 2_127_532_032, 196),
        (GEMMA3_4B, 4_300_079_472, 256),
        (SMOLLM2_135M, 134_515_008, 0),
    ],
    ids=["llava", "tinyllava", "blip2", "smolvlm", "qwen2", "qwen2.5", "qwen3", "gemma3", "smollm2"],
)
def test_as_many_parameters_as_published(config: dict[str, object], parameters: int, run: int, tmp_path: Path) -> None:
    body = published(tmp_path, config)
    whole = [part for part in ("language", "vision", "connector") if part in body.parts()]
    assert count(body, whole) == sum(parameter.numel() for parameter in body.parameters()) == parameters
    assert body.family.run == run
    assert sum(count(body, [part]) for part in whole) == parameters


def test_the_q_former_of_blip_2_beside_its_queries(tmp_path: Path) -> None:
    body = published(tmp_path, BLIP2_OPT)
    assert count(body, ["qformer"]) == 105_137_664 + 32 * 768
    assert count(body, ["projector"]) == 768 * 2560 + 2560
    assert count(body, ["connector"]) == count(body, ["qformer", "projector"])


@pytest.mark.parametrize(
    ("config", "targets", "rank", "added"),
    [
        (LLAVA_7B, EVERY, 16, 16_777_216),
        (LLAVA_7B, EVERY, 8, 8_388_608),
        (TINY_LLAVA, ("q_proj", "v_proj"), 2, 281_600),
        (BLIP2_OPT, ("q_proj", "v_proj"), 8, 2_621_440),
        (BLIP2_OPT, ("q_proj", "v_proj"), 4, 1_310_720),
    ],
)
def test_adapters_of_the_language_model(
    config: dict[str, object], targets: Sequence[str], rank: int, added: int, tmp_path: Path
) -> None:
    body = published(tmp_path, config)
    body.requires_grad_(False)
    add_adapters(body.decoder, "vlm", targets, rank, 2 * rank, 0.0, 0)
    trained = {name: parameter for name, parameter in body.named_parameters() if parameter.requires_grad}
    assert sum(parameter.numel() for parameter in trained.values()) == added
    assert all(name.endswith(("lora_A.default.weight", "lora_B.default.weight")) for name in trained)
    assert trained.keys() <= body.parameters_of(["language"]).keys()
