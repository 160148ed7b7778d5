"""What is known of a language model that sees before its weights are there: family, image format, chat template."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from base_models.multimodal.preprocessing import image_preprocessing, published_images, squashed
from base_models.textual.loading import attempt, load_config, load_tokenizer
from base_models.visual.views import Preprocessing
from base_models.vlm.families import FAMILIES, Blip2, SmolVlm
from base_models.vlm.family import Family, TextAlone
from base_models.vlm.qwen import QwenVl
from base_models.weights import local
from ensemble.errors import LearnerError, first_line

SQUARE = 448  # pixels, of a tower that takes any size: 256 tokens of Qwen2.5-VL, 196 of Qwen3-VL
WRAPPERS = ("<fake_token_around_image>", "<global-img>")  # of SmolVLM and Idefics3
TEMPLATE = "chat_template.jinja"
UNREAD = ("logit_scale", "logits_scaling", "lm_head_multiplier")  # what some decoders do to their logits


@dataclass(frozen=True)
class Description:
    """A model as prompts and pixels must be made for it.

    In tokens, ``image_tokens`` take the place of each ``placeholder``; in a text that no chat template makes,
    ``marker`` stands for an image. Where ``images_first``, the tokens of images stand before everything else, even the
    first special token, and no marker is written. ``preprocessing`` is None, and there are no image tokens, where a
    model sees none.
    """

    model: str
    family: Family
    preprocessing: Preprocessing | None
    placeholder: int
    image_tokens: tuple[int, ...]
    marker: str
    images_first: bool
    template: str | None


def describe(model: str, image_size: int | None = None) -> Description:
    """A hub name's or local folder's description. Raises LearnerError for a network that is of no family here, for an
    ``image_size`` (pixels) that it cannot see, and for files that contradict each other."""
    config = load_config(model)
    family = family_of(model, config, image_size or _square(model, config))
    if isinstance(family, TextAlone):
        if image_size is not None:
            raise LearnerError(f"vlm: {model} sees no images; leave image_size away.")
        return Description(model, family, None, -1, (), "", False, chat_template(model))
    preprocessing = _preprocessing(model, family)
    tokenizer = load_tokenizer(model)
    placeholder, tokens, marker = _image_tokens(model, family, tokenizer)
    first = isinstance(family, Blip2)
    return Description(model, family, preprocessing, placeholder, tokens, marker, first, chat_template(model))


def sees(model: str) -> bool:
    """Whether images reach a network; of one that cannot be had, too, for that is said elsewhere."""
    try:
        return not isinstance(family_of(model, load_config(model)), TextAlone)
    except LearnerError:
        return True


def family_of(model: str, config: Any, side: int | None = None) -> Family:
    """By configuration alone; raises LearnerError where it is of no family, or says what none can be."""
    kind = config.model_type
    try:
        if kind not in FAMILIES:
            return TextAlone(_decoder(config))
        family = FAMILIES[kind](config, side or _published_side(config))
        if family.run < 1:
            raise ValueError(f"an image of {family.side} pixels stands for no token")
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:  # of odd contents
        raise LearnerError(f"vlm: cannot read {model}, a {kind} network: {first_line(error)}.") from error
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
    return int(getattr(config.vision_config, "image_size", None) or SQUARE)


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
    side = (family.side, family.side)
    if isinstance(family, SmolVlm | QwenVl):
        return squashed(model, side)
    preprocessing, own = image_preprocessing(model), _published_side(family.config)
    if preprocessing.size != (own, own):
        cut = f"what is said of its images cuts {preprocessing.size[0]} x {preprocessing.size[1]}"
        raise LearnerError(f"vlm: {model} sees images of {own} x {own} pixels, but {cut}.")
    if preprocessing.size != side:
        raise LearnerError(f"vlm: {model} sees images of {own} x {own} pixels; image_size cannot be {family.side}.")
    return preprocessing


def _image_tokens(model: str, family: Family, tokenizer: Any) -> tuple[int, tuple[int, ...], str]:
    """The placeholder, what takes its place, and the text that stands for an image."""
    placeholder = family.config.image_token_id
    if placeholder is None:  # of older folders: any number that no text has
        placeholder = tokenizer.get_vocab().get("<image>", len(tokenizer))
    run = (placeholder,) * family.run
    if isinstance(family, Blip2):
        return placeholder, run, ""
    marker = tokenizer.convert_ids_to_tokens(placeholder)
    if isinstance(family, QwenVl):
        start, end = (tokenizer.convert_ids_to_tokens(_token(family.config, name)) for name in ("start", "end"))
        return placeholder, run, f"{start}{marker}{end}"
    if not isinstance(family, SmolVlm):
        return placeholder, run, marker
    known = tokenizer.get_vocab()
    lacking = [token for token in WRAPPERS if token not in known]
    if lacking:
        raise LearnerError(f"vlm: {model}'s tokenizer has no {' and no '.join(lacking)}, which stand around an image.")
    around, whole = (known[token] for token in WRAPPERS)
    return placeholder, (around, whole, *run, around), marker


def _token(config: Any, which: str) -> int:
    return int(getattr(config, f"vision_{which}_token_id"))


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
