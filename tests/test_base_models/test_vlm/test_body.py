"""A language model that sees says at its seams what transformers' own says as a whole."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from support.vlms import KINDS, make_vlm, pictures

from base_models.textual.loading import load_tokenizer
from base_models.vlm.body import Body, body_of
from base_models.vlm.families import Blip2, SmolVlm
from base_models.vlm.loading import Description, describe
from ensemble.errors import LearnerError

TOLERANCE = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vlm(tmp_path_factory.mktemp(kind), kind)


@pytest.fixture(scope="module")
def body(folder: Path) -> Body:
    return body_of(str(folder), True, 0).eval()


@pytest.fixture(scope="module")
def described(folder: Path) -> Description:
    return describe(str(folder))


@pytest.fixture(scope="module")
def prompts(folder: Path, body: Body, described: Description) -> list[list[int]]:
    """One with an image, one without, one with an image between texts, of other lengths each."""
    image = list(body.image_tokens)
    if described.marker and not described.images_first:
        marker = load_tokenizer(str(folder))(described.marker, add_special_tokens=False)["input_ids"]
        place = marker.index(body.placeholder)
        image = [*marker[:place], *image, *marker[place + 1 :]]
    return [[*image, 40, 41, 42], [50, 51, 52, 53, 54, 55, 56], [60, 61, *image, 62, 63, 64, 65, 66]]


def padded(rows: list[list[int]], left: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(row) for row in rows)
    fill = [[0] * (longest - len(row)) for row in rows]
    ids = [[*pad, *row] if left else [*row, *pad] for pad, row in zip(fill, rows, strict=True)]
    ones = [[1] * len(row) for row in rows]
    mask = [[*pad, *one] if left else [*one, *pad] for pad, one in zip(fill, ones, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


def seen(body: Body, count: int = 2) -> torch.Tensor | None:
    return body.see(pictures(count, body.family.side)) if body.has_images else None


def published(folder: Path, body: Body, ids: torch.Tensor, mask: torch.Tensor, count: int) -> torch.Tensor:
    """Logits of the whole model, its pixels by its own image processor."""
    from transformers import AutoImageProcessor

    side, taken = body.family.side, inspect.signature(body.model.forward).parameters.keys()
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask}
    whole: dict[str, Any] = {"size": {"longest_edge": side}, "do_image_splitting": False}
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=True)
    images = list(pictures(count, side).permute(0, 3, 1, 2))
    made = processor(images=images, return_tensors="pt", **(whole if isinstance(body.family, SmolVlm) else {}))
    inputs |= {name: made[name] for name in taken if name in made}
    if isinstance(body.family, SmolVlm):  # it has images by row
        inputs["pixel_values"] = inputs["pixel_values"].view(count, 1, 3, side, side)
        inputs["pixel_attention_mask"] = inputs["pixel_attention_mask"].view(count, 1, side, side)
    for name in taken & {"mm_token_type_ids", "token_type_ids"}:
        inputs[name] = (ids == body.placeholder).long()
    if body.model.config.image_token_id is None:  # of old folders: a token that these prompts do not have
        body.model.config.image_token_id = 30
        inputs["input_ids"] = torch.where(ids == body.placeholder, 30, ids)
    logits: torch.Tensor = body.model(**inputs).logits
    body.model.config.image_token_id = body.family.config.image_token_id
    return logits


@torch.inference_mode()
def test_the_seams_say_what_the_whole_model_says(folder: Path, body: Body, prompts: list[list[int]]) -> None:
    if body.has_images:
        for rows in ([prompts[0]], [prompts[2]], [prompts[0], prompts[2]]):
            ids, mask = padded(rows)
            logits = body.logits(body.hidden(ids, mask, seen(body, len(rows))))
            whole = published(folder, body, ids, mask, len(rows))
            torch.testing.assert_close(logits[mask.bool()], whole[mask.bool()], **TOLERANCE)
    if not isinstance(body.family, Blip2):  # which never goes without an image
        ids, mask = padded([prompts[1]])
        whole = body.model(input_ids=ids, attention_mask=mask).logits
        torch.testing.assert_close(body.logits(body.hidden(ids, mask)), whole, **TOLERANCE)


@pytest.mark.parametrize("left", [False, True])
@torch.inference_mode()
def test_a_row_is_the_same_alone_and_in_company(body: Body, prompts: list[list[int]], left: bool) -> None:
    rows = prompts if body.has_images else [prompts[1][:4], prompts[1], prompts[1][2:]]
    states = seen(body)
    ids, mask = padded(rows, left)
    together = body.hidden(ids, mask, states)
    assert torch.isfinite(together).all()
    before = 0
    for number, row in enumerate(rows):
        image = body.placeholder in row
        own = states[before : before + 1] if states is not None and image else None
        before += image
        alone = body.hidden(*padded([row]), own)[0]
        torch.testing.assert_close(together[number][mask[number].bool()], alone, **TOLERANCE)


@pytest.mark.parametrize("left", [False, True])
@torch.inference_mode()
def test_words_behind_a_prompt_are_read_as_in_one_sequence(body: Body, prompts: list[list[int]], left: bool) -> None:
    rows = prompts if body.has_images else [prompts[1][:4], prompts[1], prompts[1][2:]]
    states = seen(body)
    words = [[70], [71, 72, 73]]
    prompt = body.prompt(*padded(rows, left), states)
    first = prompt.cache.layers[0].keys.clone()
    said, real = padded(words * len(rows))
    hidden = body.going_on(prompt.repeated(len(words)), said, real)
    torch.testing.assert_close(prompt.cache.layers[0].keys, first, rtol=0, atol=0)
    torch.testing.assert_close(body.going_on(prompt.repeated(len(words)), said, real), hidden, rtol=0, atol=0)
    for number, word in enumerate(words):
        ids, mask = padded([[*row, *word] for row in rows])
        whole = body.hidden(ids, mask, states)
        for place, row in enumerate(rows):
            expected = whole[place, len(row) : len(row) + len(word)]
            torch.testing.assert_close(hidden[place * len(words) + number][: len(word)], expected, **TOLERANCE)


@torch.inference_mode()
def test_a_masked_image_is_none(body: Body, prompts: list[list[int]]) -> None:
    if not body.has_images:
        return
    ids, mask = padded([prompts[2]])
    places = torch.isin(ids, torch.tensor(body.image_tokens))
    hidden = body.hidden(ids, mask.masked_fill(places, 0), None)
    absent = body.hidden(ids[~places][None], mask[~places][None])
    torch.testing.assert_close(hidden[~places], absent[0], **TOLERANCE)


@torch.inference_mode()
def test_an_image_changes_what_is_said(body: Body, prompts: list[list[int]]) -> None:
    states = seen(body)
    if states is not None:
        ids, mask = padded([prompts[0], prompts[0]])
        hidden = body.hidden(ids, mask, states)
        assert (hidden[0, -1] - hidden[1, -1]).abs().max() > 0.01
        assert (states[0] - states[1]).abs().max() > 0.01


@torch.inference_mode()
def test_images_that_do_not_match_their_placeholders_are_refused(body: Body, prompts: list[list[int]]) -> None:
    states = seen(body)
    if states is None:
        return
    ids, mask = padded([prompts[0]])
    for wrong in (None, states, states[:0]):
        with pytest.raises(LearnerError, match="placeholders of images stand in these prompts"):
            body.hidden(ids, mask, wrong)
    with pytest.raises(LearnerError, match="prompts are cut inside an image"):
        body.hidden(ids[:, :3], mask[:, :3], states[:1])


def test_each_parameter_is_of_one_part(body: Body) -> None:
    named = dict(body.named_parameters())
    whole = [part for part in ("language", "vision", "connector") if part in body.parts()]
    assert sorted(name for part in whole for name in body.parameters_of([part])) == sorted(named)
    assert all(body.parameters_of([part]) for part in body.parts())
    assert body.parameters_of(whole).keys() == named.keys()
    linears = body.linears_of(["language"])
    assert linears.keys() <= dict(body.named_modules()).keys()
    assert any(name.endswith("q_proj") for name in linears)
    assert not any("vision" in name or "visual" in name for name in linears)
    with pytest.raises(LearnerError, match="Available: "):
        body.parameters_of(["head"])


def test_what_is_seen_and_connected_learns_where_it_is_asked_to(body: Body, prompts: list[list[int]]) -> None:
    if not body.has_images:
        return
    ids, mask = padded([prompts[0], prompts[1]])
    body.zero_grad()
    body.hidden(ids, mask, body.see(pictures(1, body.family.side))).square().mean().backward()
    for part in ("vision", "connector", "language"):
        assert any(
            parameter.grad is not None and parameter.grad.any() for parameter in body.parameters_of([part]).values()
        )
    body.zero_grad()
