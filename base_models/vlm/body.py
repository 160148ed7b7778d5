"""A pretrained language model that sees, at its seams: what is seen, what is said of it, and how it goes on."""

import inspect
from collections.abc import Collection, Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from base_models.textual.loading import load_body, load_config
from base_models.visual.views import Preprocessing
from base_models.vlm.family import Family, TextAlone
from base_models.vlm.loading import Description, describe, family_of
from base_models.vlm.positions import positions
from base_models.weights import seeded_init
from ensemble.errors import LearnerError, unknown

LANGUAGE = "language"  # the part that is all of a network that is no other part


@dataclass(frozen=True)
class Prompt:
    """A prompt that has been read, ready to be gone on from as often as is wanted.

    ``hidden`` (rows, tokens, width), ``mask`` (rows, tokens) true where a token counts, ``following`` (rows,) the
    position of the next token, ``cache`` the keys and values.
    """

    hidden: torch.Tensor
    mask: torch.Tensor
    following: torch.Tensor
    cache: Any

    def repeated(self, times: int) -> "Prompt":
        """Each row ``times`` times, one after the other."""
        cache = _copied(self.cache)
        cache.batch_repeat_interleave(times)
        spread = partial(torch.repeat_interleave, repeats=times, dim=0)
        return Prompt(spread(self.hidden), spread(self.mask), spread(self.following), cache)


class Body(nn.Module):
    """A network of images and text, or of text alone; families differ only in ``family``.

    ``model`` is transformers' own, ``width`` that of its last hidden states. ``image_tokens`` are the token ids that
    stand for one image, of which as many as ``see`` connects are ``placeholder``.
    """

    def __init__(self, model: Any, described: Description) -> None:
        super().__init__()
        self.model = model
        self.family: Family = described.family
        self.has_images = not isinstance(self.family, TextAlone)
        self.placeholder = described.placeholder
        self.image_tokens: Sequence[int] = described.image_tokens
        self.preprocessing = described.preprocessing
        self.width = int(model.get_output_embeddings().weight.shape[1])
        taken = inspect.signature(self.decoder.forward).parameters
        self._cache = "cache" if "cache" in taken else "past_key_values"  # as versions of transformers call it
        self._positioned = "position_ids" in taken
        if not {"inputs_embeds", "attention_mask", self._cache} <= taken.keys():
            raise LearnerError(f"vlm: {described.model} is no decoder that can go on from a prompt by keys and values.")
        self.mean: torch.Tensor
        self.std: torch.Tensor
        mean, std = ((0.0,) * 3, (1.0,) * 3) if described.preprocessing is None else _channels(described.preprocessing)
        self.register_buffer("mean", 255 * torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).view(3, 1, 1), persistent=False)

    @property
    def decoder(self) -> Any:
        """The language model without its head."""
        return self.family.decoder(self.model)

    @property
    def dtype(self) -> torch.dtype:
        """In which the language model computes."""
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return dtype

    def see(self, pixels: torch.Tensor) -> torch.Tensor:
        """(images, positions, width of the tower) states before the connector, of (images, height, width, 3) uint8.

        Of Qwen3-VL, whose connector reads several layers, their states side by side.
        """
        images = (pixels.permute(0, 3, 1, 2) - self.mean) / self.std
        return self.family.see(self.model, images.to(next(self.family.tower(self.model).parameters()).dtype))

    def hidden(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, image_states: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(rows, tokens, width): the last hidden states of (rows, tokens) ids, padded on either side.

        ``image_states`` (images, positions, width of the tower) are what ``see`` gives of the images, in the order in
        which their placeholders stand, row by row. Rows without an image have no placeholders, or masked ones, which
        have no states and change nothing. Raises LearnerError where images and placeholders do not match.
        """
        return self._read(input_ids, attention_mask.bool(), image_states, keep=False).hidden

    def prompt(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, image_states: torch.Tensor | None = None
    ) -> Prompt:
        """The same, to be gone on from."""
        return self._read(input_ids, attention_mask.bool(), image_states, keep=True)

    def going_on(self, prompt: Prompt, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """(rows, tokens, width): the last hidden states of (rows, tokens) text behind each row of ``prompt``, which
        stays as it is. Padding, where ``attention_mask`` is 0, may stand on either side; but where a language model
        looks through windows (Gemma 3) it counts into them, so prompts are best padded on the left."""
        mask = attention_mask.bool()
        own, _ = positions(mask, torch.zeros_like(mask), None)
        places = own + prompt.following[:, None]
        places = places if self.family.grid is None else places.expand(3, *places.shape)
        embedded = self.model.get_input_embeddings()(input_ids)
        both = torch.cat([prompt.mask, mask], dim=1)
        output = self._decoded(embedded, both, places, use_cache=True, **{self._cache: _copied(prompt.cache)})
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(..., vocabulary) of (..., width)."""
        logits: torch.Tensor = self.model.get_output_embeddings()(hidden)
        cap = getattr(self.family.config.get_text_config(), "final_logit_softcapping", None)
        return logits if cap is None else cap * torch.tanh(logits / cap)

    def parts(self) -> list[str]:
        """What can be trained by name: the language model, the tower, the connector, and what that is made of."""
        return [LANGUAGE, *self.family.traits.parts]

    def parameters_of(self, parts: Collection[str]) -> dict[str, nn.Parameter]:
        """The parameters of these parts by name; raises LearnerError for a part that is none."""
        return {name: parameter for name, parameter in self.named_parameters() if self._is_of(name, parts)}

    def linears_of(self, parts: Collection[str]) -> dict[str, nn.Linear]:
        """The same for linear layers, on which adapters may stand."""
        found = {name: module for name, module in self.named_modules() if isinstance(module, nn.Linear)}
        return {name: module for name, module in found.items() if self._is_of(name, parts)}

    def _is_of(self, name: str, parts: Collection[str]) -> bool:
        for part in parts:
            if part not in self.parts():
                raise LearnerError(f"vlm: {unknown('part', part, self.parts())}")
        inner = f"{name.removeprefix('model.')}."
        prefixes = [(prefix, part) for part, names in self.family.traits.parts.items() for prefix in names]
        length = max((len(prefix) for prefix, _ in prefixes if inner.startswith(f"{prefix}.")), default=0)
        own = {part for prefix, part in prefixes if len(prefix) == length and inner.startswith(f"{prefix}.")}
        return bool((own or {LANGUAGE}) & set(parts))

    def _read(self, ids: torch.Tensor, mask: torch.Tensor, states: torch.Tensor | None, keep: bool) -> Prompt:
        held = ids == self.placeholder
        images = held & mask
        embedded = self.model.get_input_embeddings()(ids.masked_fill(held, 0))  # a placeholder may have no row
        beside: Mapping[str, Any] = {}
        wanted, given = int(images.sum()), 0 if states is None else len(states) * self.family.run
        if wanted != given:
            raise LearnerError(
                f"vlm: {wanted} placeholders of images stand in these prompts, where {given} belong to the images; "
                "prompts are cut inside an image, or posts hold its tokens."
            )
        if states is not None and given:
            connected, beside = self.family.connect(self.model, states, images)
            embedded = embedded.masked_scatter(images[..., None], connected.to(embedded.dtype))
        places, following = positions(mask, images, self.family.grid)
        output = self._decoded(embedded, mask, places, use_cache=keep, **beside)
        return Prompt(output.last_hidden_state, mask, following, getattr(output, self._cache))

    def _decoded(self, embedded: torch.Tensor, mask: torch.Tensor, places: torch.Tensor, **options: Any) -> Any:
        above = self.family.traits.both_ways and "token_type_ids" in options
        reader = self.model.model if above else self.decoder
        options |= {"position_ids": places} if self._positioned else {}
        return reader(inputs_embeds=embedded, attention_mask=mask.long(), **options)


def _copied(cache: Any) -> Any:
    """Other keys and values can be put behind it, and the first cache stays as it is: tensors are shared."""
    from transformers.cache_utils import DynamicLayer

    copied = copy(cache)
    copied.layers = [copy(layer) if isinstance(layer, DynamicLayer) else deepcopy(layer) for layer in cache.layers]
    return copied


def _channels(preprocessing: Preprocessing) -> tuple[Sequence[float], Sequence[float]]:
    return preprocessing.mean, preprocessing.std


def body_of(
    model: str,
    pretrained: bool,
    seed: int,
    dtype: torch.dtype = torch.float32,
    image_size: int | None = None,
    where: torch.device | None = None,
) -> Body:
    """A hub name's or local folder's network in ``dtype``; random weights, where not ``pretrained``, from ``seed``.

    Weights are read tensor by tensor into ``where`` (the CPU, where it is not said), and random ones drawn there.
    Raises LearnerError where there is no such model, where it is of no family here, and where weights do not fill it.
    """
    described = describe(model, image_size)
    if pretrained:
        placed = {"dtype": dtype} | ({} if where is None else {"device_map": {"": where}})
        network = load_body(model, _kind(described.family), described.family.config, placed=placed)
    else:
        network = _drawn(described.family, dtype, seed, where or torch.device("cpu"))
    return Body(network, described).to(where or "cpu")


def architecture(model: str) -> Body:
    """The same without weights, on no device, by configuration alone: to count parameters."""
    family = family_of(model, load_config(model))
    network = _drawn(family, torch.float32, 0, torch.device("meta"))
    return Body(network, Description(model, family, None, -1, (), "", False, None))


def _kind(family: Family) -> str:
    return "AutoModelForCausalLM" if isinstance(family, TextAlone) else "AutoModelForImageTextToText"


def _drawn(family: Family, dtype: torch.dtype, seed: int, where: torch.device) -> Any:
    import transformers

    with seeded_init(seed, where), where:
        network = getattr(transformers, _kind(family)).from_config(deepcopy(family.config), dtype=dtype)
        network.tie_weights()  # which some versions forget where there is no device
    return network
