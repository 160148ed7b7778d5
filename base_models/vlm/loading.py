"""What is known of a language model that sees before its weights are there: family, image format, chat template."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from base_models.multimodal.preprocessing import image_preprocessing, published_images, squashed
from base_models.textual.loading import attempt, load_config, load_tokenizer, tokenizer_identity
from base_models.visual.views import Preprocessing
from base_models.vlm.families import FAMILIES
from base_models.vlm.family import Family, TextAlone
from base_models.vlm.qwen import QwenVl
from base_models.weights import local
from ensemble.errors import LearnerError, first_line
from ensemble.system.files import fingerprint, known_hash

SQUARE = 448  # pixels, of a tower that takes any size: 256 tokens of Qwen2.5-VL, 196 of Qwen3-VL
DECISIVE = ("image_mean", "image_std", "resample")
TEMPLATE = "chat_template.jinja"
UNREAD = ("logit_scale", "logits_scaling", "lm_head_multiplier")  # what some decoders do to their logits


@dataclass(frozen=True)
class Description:
    """A model as prompts and pixels must be made for it.

    In tokens, ``image_tokens`` take the place of each ``placeholder``; in a text that no chat template makes,
    ``marker`` stands for an image. Where ``images_first``, the tokens of images stand before everything else, even the
    first special token, and no marker is written. What a chat template has ``written`` for an image, where that is not
    empty, must become the ``marker`` before tokens are made. ``preprocessing`` is None, and there are no image tokens,
    where a model sees none.
    """

    model: str
    family: Family
    preprocessing: Preprocessing | None
    placeholder: int
    image_tokens: tuple[int, ...]
    marker: str
    images_first: bool
    template: str | None
    written: str = ""


def describe(model: str, image_size: int | None = None) -> Description:
    """A hub name's or local folder's description, read once per process and content.

    Raises LearnerError for a network that is of no family here, for an ``image_size`` (pixels) that it cannot see, and
    for files that contradict each other.
    """
    return _described(model, image_size, _content(model))


@lru_cache(maxsize=64)
def _described(model: str, image_size: int | None, content: str) -> Description:
    config = _config(model, content)
    with _said(model, config):
        family = _family(config, _square(model, config) if image_size is None else image_size)
        if isinstance(family, TextAlone):
            if image_size is not None:
                raise ValueError("it sees no images; leave image_size away")
            return Description(model, family, None, -1, (), "", False, chat_template(model))
        preprocessing = _preprocessing(model, family)
        tokenizer, first = load_tokenizer(model), family.traits.images_first
        placeholder = _placeholder(config.image_token_id, tokenizer, first)
        before, behind = (_numbers(tokenizer, tokens) for tokens in family.traits.wrapped)
        written, marker = ("", "") if first else _texts(config, tokenizer, placeholder)
    tokens = (*before, *[placeholder] * family.run, *behind)
    return Description(model, family, preprocessing, placeholder, tokens, marker, first, chat_template(model), written)


def sees(model: str) -> bool:
    """Whether images reach a network; of one that cannot be had, too, for that is said elsewhere."""
    try:
        return not isinstance(family_of(model, _config(model, _content(model))), TextAlone)
    except LearnerError:
        return True


@lru_cache(maxsize=64)
def _config(model: str, content: str) -> Any:
    return load_config(model)


def _content(model: str) -> str:
    """Fingerprint of all files but the weights."""
    files = [f"{path.name}:{known_hash(path)}" for path in template_files(model)]
    return fingerprint([str(local(model)), tokenizer_identity(model), files])


def family_of(model: str, config: Any) -> Family:
    """By configuration alone; raises LearnerError where it is of no family, or says what none can be."""
    with _said(model, config):
        return _family(config, None)


@contextmanager
def _said(model: str, config: Any) -> Iterator[None]:
    """What cannot be read of a model is said in one line."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, OverflowError, TypeError, ValueError) as error:
        raise LearnerError(f"vlm: cannot use {model}, a {config.model_type} network: {first_line(error)}.") from error


def _family(config: Any, side: int | None) -> Family:
    if config.model_type not in FAMILIES:
        return TextAlone(_decoder(config))
    family = FAMILIES[config.model_type](config, _published_side(config) if side is None else side)
    if family.side < 1 or family.run < 1:
        raise ValueError(f"an image of {family.side} pixels stands for no token")
    return family


def _decoder(config: Any) -> Any:
    """A network's configuration; raises ValueError where it does not write a text from left to right."""
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    )

    kind, half = config.model_type, getattr(config, "is_encoder_decoder", False)
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES or kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES or half:
        raise ValueError(f"it is neither a decoder of text nor one of those that see here ({', '.join(FAMILIES)})")
    scaled = [name for name in UNREAD if getattr(config, name, None) not in (None, 1)]
    if scaled:
        raise ValueError(f"its {scaled[0]} of logits is not read here")
    return config


def _published_side(config: Any) -> int:
    """Pixels of the square that a tower was made for, or SQUARE."""
    side = getattr(config.vision_config, "image_size", None) or SQUARE
    return int(max(side) if isinstance(side, list | tuple) else side)


def _square(model: str, config: Any) -> int | None:
    """For towers of any size: SQUARE, or what a model's own limit on pixels leaves of it."""
    if FAMILIES.get(config.model_type) is not QwenVl:
        return None
    said = published_images(model)
    size = said.get("size") or {}
    most = said.get("max_pixels") or size.get("longest_edge") or SQUARE**2
    vision = config.vision_config
    whole = int(vision.patch_size * vision.spatial_merge_size)
    return int(min(SQUARE**2, most) ** 0.5) // whole * whole


def _preprocessing(model: str, family: Family) -> Preprocessing:
    unsaid = [name for name in DECISIVE if published_images(model).get(name) is None]
    if unsaid:  # what each processor would put there is another thing by family and version
        raise ValueError(f"what is said of its images gives no {' and no '.join(unsaid)}")
    if family.traits.any_size:
        return squashed(model, (family.side, family.side))
    cut, own = image_preprocessing(model), _published_side(family.config)
    if cut.size != (own, own):
        raise ValueError(f"it sees {own} x {own} pixels, but what is said of its images cuts {cut.size}")
    if family.side != own:
        raise ValueError(f"it sees images of {own} x {own} pixels; image_size cannot be {family.side}")
    return cut


def _placeholder(known: int | None, tokenizer: Any, first: bool) -> int:
    """The token that stands for a part of an image."""
    if known is None:  # of older folders: any number that no text has
        return int(tokenizer.get_vocab().get("<image>", len(tokenizer)))
    if known not in tokenizer.added_tokens_decoder and not (first and known >= len(tokenizer)):
        raise ValueError(f"its token of images, {known}, is no special one of its tokenizer")
    return known


def _numbers(tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    known = tokenizer.get_vocab()
    lacking = [token for token in tokens if token not in known]
    if lacking:
        raise ValueError(f"its tokenizer has no {' and no '.join(lacking)}, which stand around an image")
    return [known[token] for token in tokens]


def _texts(config: Any, tokenizer: Any, placeholder: int) -> tuple[str, str]:
    """What a template has written that must become the second: the text that stands for an image."""
    image = str(tokenizer.convert_ids_to_tokens(placeholder))
    ends = [getattr(config, f"vision_{name}_token_id", None) for name in ("start", "end")]
    if None not in ends:  # Qwen's, which its templates write
        start, end = tokenizer.convert_ids_to_tokens(ends)
        return "", f"{start}{image}{end}"
    ends = [getattr(config, f"{name}_token_index", None) for name in ("boi", "eoi")]
    if None not in ends:  # Gemma's: its templates write the first of them alone
        start, end = tokenizer.convert_ids_to_tokens(ends)
        return start, f"\n\n{start}{image}{end}\n\n"
    return "", image


def chat_template(model: str) -> str | None:
    """The template of a conversation in Jinja, the processor's before the tokenizer's; None where there is none."""
    said: Mapping[str, Any] = attempt(model, _processor)
    template = said.get("chat_template") or load_tokenizer(model).chat_template
    if isinstance(template, dict):
        template = template.get("default")
    return template or None


def _processor(name: str, **options: Any) -> Mapping[str, Any]:
    from transformers import ProcessorMixin

    said: Mapping[str, Any] = ProcessorMixin.get_processor_dict(name)[0]
    return said


def template_files(model: str) -> list[Path]:
    """A local folder's file that decides its prompts and is not among ``weights.local_files``: its chat template."""
    file = local(model) / TEMPLATE
    return [file] if file.is_file() else []
