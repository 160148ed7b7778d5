"""Language models that see, of every family, with adapters and trained parts over a base that stays as published."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.networks import freeze_imports, one_core, same_weights
from support.vlms import KINDS, SEEING, make_vlm, pictures
from torch import nn

from base_models.multimodal.adapters import add_adapters
from base_models.neural import shared_base
from base_models.neural.checkpoints import frozen_names, load_trained, write_weights
from base_models.neural.depth import checkpoint_layers, repeated_layers
from base_models.neural.shared_base import borrow
from base_models.vlm.body import Body, body_of
from base_models.vlm.vision_states import frozen_states
from ensemble.errors import LearnerError

EVERYWHERE = ("language", "vision", "connector")


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shared_base, "_kept", [])
    freeze_imports()
    with one_core():
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: make_vlm(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


def borrowed(folder: Path, parts: Any = (), dtype: torch.dtype = torch.float32) -> Body:
    def load() -> Body:
        return body_of(str(folder), True, 0, dtype)

    return borrow(folder.name, f"{folder}{dtype}", load, lambda body: body.parameters_of(parts).values())


def adapted(folder: Path, adapt: Any, parts: Any = (), dtype: torch.dtype = torch.float32, seed: int = 0) -> Body:
    """With adapters on all linear layers of these parts, which change something at once."""
    body = borrowed(folder, parts, dtype)
    within = {part: body.linears_of([part]) for part in adapt}
    targets = sorted({name.rpartition(".")[2] for names in within.values() for name in names} - {"lm_head"})
    add_adapters(body, "toy", targets, 2, 4, 0.1, seed, within)
    for name, parameter in body.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(1))
    return body


def hidden(body: Body, states: torch.Tensor | None = None) -> torch.Tensor:
    """Of a prompt with an image, where there is sight, and one without."""
    image = list(body.image_tokens)
    rows = [[*image, 40, 41, 42], [50, 51, *[0] * (len(image) + 1)]]
    mask = [[1] * len(rows[0]), [1, 1, *[0] * (len(image) + 1)]]
    if states is None and body.has_images:
        states = body.see(pictures(1, body.family.side))
    precision = torch.autocast("cpu", torch.bfloat16, enabled=body.dtype == torch.bfloat16)
    with precision:
        return body.hidden(torch.tensor(rows), torch.tensor(mask), states).float() * torch.tensor(mask)[..., None]


def trained_names(body: Body) -> set[str]:
    return {name for name, parameter in body.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("kind", KINDS)
def test_training_adapters_and_parts_leaves_the_base_bit_for_bit(folders: dict[str, Path], kind: str) -> None:
    published = body_of(str(folders[kind]), True, 0)
    parts = ["connector"] if published.has_images else []
    body = adapted(folders[kind], ["language"], parts)
    optimizer = torch.optim.AdamW([one for one in body.parameters() if one.requires_grad], lr=0.1, weight_decay=0.1)
    before = {name: one.clone() for name, one in body.state_dict().items()}
    hidden(body.train()).square().sum().backward()
    optimizer.step()
    moved = {name for name, one in body.state_dict().items() if not torch.equal(one, before[name])}
    assert moved == {name for name in trained_names(body) if body.get_parameter(name).grad is not None}
    assert {"lora_A", "lora_B"} <= {part for name in moved for part in name.split(".")}
    assert not parts or set(published.parameters_of(parts)) <= moved
    assert same_weights(borrowed(folders[kind]), published)


def adaptable(kind: str) -> list[str]:
    """Gemma's connector is one matrix and no layer."""
    parts = EVERYWHERE if kind in SEEING else ["language"]
    return [part for part in parts if (kind, part) != ("gemma3", "connector")]


@pytest.mark.parametrize(("kind", "part"), [(kind, part) for kind in SEEING for part in adaptable(kind)])
def test_adapters_stand_on_the_parts_that_are_named_and_no_others(
    folders: dict[str, Path], kind: str, part: str
) -> None:
    body = adapted(folders[kind], [part])
    inside = {name for name in borrowed(folders[kind]).linears_of([part]) if not name.endswith("lm_head")}
    assert {name.partition(".lora_")[0] for name in trained_names(body)} == inside
    hidden(body.train()).square().sum().backward()
    assert any(parameter.grad is not None for parameter in body.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_activations_that_are_computed_twice_give_the_same_gradients(folders: dict[str, Path], kind: str) -> None:
    gradients = []
    for recompute in (False, True):
        body = adapted(folders[kind], adaptable(kind)).train()
        if recompute:
            checkpoint_layers(repeated_layers(body))
        torch.manual_seed(0)
        hidden(body).square().sum().backward()
        gradients.append({name: body.get_parameter(name).grad for name in trained_names(body)})
    assert gradients[0].keys() == gradients[1].keys()
    for name, kept in gradients[0].items():
        again = gradients[1][name]
        assert (kept is None) == (again is None) and (kept is None or torch.equal(kept, again)), name


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_trained_is_saved_alone_and_says_the_same_over_a_base_loaded_anew(
    folders: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    parts = ["connector"] if kind in SEEING else []
    body = adapted(folders[kind], ["language"], parts).eval()
    for parameter in body.parameters():
        if parameter.requires_grad:
            parameter.data += 0.01
    expected = hidden(body)
    write_weights(tmp_path / "trained.safetensors", body, frozen_names(body))
    size = (tmp_path / "trained.safetensors").stat().st_size
    assert size < 1.5 * sum(4 * body.get_parameter(name).numel() for name in trained_names(body)) + 20_000
    del body
    assert shared_base.let_go()
    again = adapted(folders[kind], ["language"], parts, seed=5).eval()
    assert not torch.equal(hidden(again), expected)
    load_trained(again, tmp_path / "trained.safetensors")
    assert torch.equal(hidden(again), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_over_a_base_in_half_precision_what_is_trained_stays_single(folders: dict[str, Path], kind: str) -> None:
    parts = ["connector"] if kind in SEEING else []
    body = adapted(folders[kind], ["language"], parts, torch.bfloat16).train()
    states = frozen_states(body, pictures(1, body.family.side)) if body.has_images else None
    hidden(body, states).square().sum().backward()
    for name, parameter in body.named_parameters():
        assert parameter.dtype == (torch.float32 if parameter.requires_grad else torch.bfloat16), name
        assert parameter.grad is None or parameter.grad.isfinite().all()
    single = adapted(folders[kind], ["language"], parts).eval()
    with torch.no_grad():
        low, high = hidden(body.eval(), states), hidden(single, states)
    assert (low - high).norm() < 0.1 * high.norm()


def test_adapters_whose_names_no_part_has_are_refused_with_what_there_is(folders: dict[str, Path]) -> None:
    body = borrowed(folders["llava"])
    language, connector = ({part: body.linears_of([part])} for part in ("language", "connector"))
    has = r"it has \['down_proj', .*'v_proj'\]\.$"
    with pytest.raises(LearnerError, match=rf"^vlm: targets names no layer of language by \['qkv'\]; {has}"):
        add_adapters(body, "vlm", ["qkv", "q_proj"], 2, 4, 0.0, 0, language)
    has = r"it has \['linear_1', 'linear_2'\]\.$"
    with pytest.raises(LearnerError, match=rf"^vlm: no layer of connector is among targets \(q_proj\); {has}"):
        add_adapters(body, "vlm", ["q_proj"], 2, 4, 0.0, 0, {**language, **connector})
    with pytest.raises(LearnerError, match=r"Unknown part 'qformer'\. .* projector"):
        borrowed(folders["llava"], ["qformer"])


def test_what_is_borrowed_cannot_be_filled_with_other_weights(folders: dict[str, Path], tmp_path: Path) -> None:
    write_weights(tmp_path / "whole.safetensors", body_of(str(folders["text"]), False, 3))
    with pytest.raises(AssertionError, match="must not be borrowed"):
        load_trained(borrowed(folders["text"]), tmp_path / "whole.safetensors")
