"""Text networks and their tokenizers by hub name or local folder, loaded without executing anybody's code."""

import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from base_models.weights import local, local_files
from ensemble.errors import LearnerError, first_line, some
from ensemble.system.files import fingerprint, known_hash

WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".tar")
RECORD = "textual.json"  # what a fold model has beside its tokenizer
UNREACHABLE_SECONDS = 600.0
_unreachable: dict[str, tuple[float, str]] = {}


def tokenizer_identity(model: str) -> list[str]:
    """What stands for a model's tokenizer in a fingerprint: the files beside its weights, or the hub name."""
    files = [path for path in local_files(model) if path.suffix not in WEIGHTS or path.name == "vocab.bin"]
    files = [path for path in files if path.name != RECORD]  # the models of all folds share their tokens
    return [f"{path.name}:{known_hash(path)}" for path in files] or [model]


def load_tokenizer(model: str) -> Any:
    """A Hugging Face tokenizer, once per process and content; one without padding pads with its end of sequence.

    Raises LearnerError where there is none.
    """
    return _tokenizer(model, fingerprint(tokenizer_identity(model)))


@lru_cache(maxsize=8)
def _tokenizer(model: str, files: str) -> Any:
    tokenizer = attempt(model, _words)
    if tokenizer.pad_token is None:  # padding is masked, so any token serves
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _words(name: str, **options: Any) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads of its own would outlive a fork
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, **options)
    if set(tokenizer.get_vocab()) <= {*tokenizer.all_special_tokens, "\u2581"}:  # what is left where files are absent
        raise ValueError("its tokenizer has no vocabulary")
    return tokenizer


def load_config(model: str) -> Any:
    """A network's configuration; raises LearnerError where there is none."""
    from transformers import AutoConfig

    return attempt(model, AutoConfig.from_pretrained)


def check_kind(model: str, config: Any, needs: str = "vocab_size") -> None:
    """Raises LearnerError where a network's configuration, without what it ``needs``, is of none that reads texts
    alone, or where half of the network is there to write."""
    if getattr(config, "is_encoder_decoder", False) or not hasattr(config, needs):
        raise no_text_network(model, config)


def no_text_network(model: str, config: Any, reason: str = "") -> LearnerError:
    """What to raise for a network that is of images, of texts and images, or in two halves."""
    kind = "timm" if config.model_type == "timm_wrapper" else config.model_type
    return LearnerError(
        f"{model} is a {kind} network, neither an encoder nor a decoder of texts alone{reason and f' ({reason})'}; "
        "give one that is, such as BERT or GPT-2."
    )


def load_body(
    model: str,
    kind: Any = "AutoModel",
    config: Any = None,
    renamed: Mapping[str, str] | None = None,
    placed: Mapping[str, Any] | None = None,
) -> Any:
    """A network with its published weights, in single precision; raises LearnerError where they do not fill it.

    ``kind`` is what transformers calls the network with the head that is wanted, or its class. ``config`` stands for
    the published one; ``renamed`` are patterns of weights' names and what becomes of them. ``placed`` says what else
    than single precision on the CPU is wanted: ``dtype``, ``device_map``.
    """
    from transformers.utils import logging as told

    told.disable_progress_bar()  # type: ignore[no-untyped-call]
    verbosity = told.get_verbosity()
    told.set_verbosity_error()  # type: ignore[no-untyped-call]  # what a file lacks is checked below
    try:
        body, report = attempt(model, partial(_weights, kind, config, renamed, placed or {}))
    finally:
        told.set_verbosity(verbosity)
    lost = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if lost:
        raise LearnerError(f"{model} holds the weights of another network: no {some(lost)}.")
    return body


def save_description(folder: Path, config: Any, model: str) -> None:
    """A network's configuration and ``model``'s tokenizer, so that ``folder`` can stand for the model."""
    config.save_pretrained(folder)
    load_tokenizer(model).save_pretrained(folder)


def _weights(
    kind: Any, config: Any, renamed: Mapping[str, str] | None, placed: Mapping[str, Any], name: str, **options: Any
) -> Any:
    """Safetensors; where a model was published before they were, its tensors alone out of the old file."""
    import torch
    import transformers

    published = getattr(transformers, kind) if isinstance(kind, str) else kind
    options |= {"dtype": torch.float32, "output_loading_info": True, **placed}
    options |= {} if config is None else {"config": config}
    options |= {} if renamed is None else {"key_mapping": dict(renamed)}
    try:
        return published.from_pretrained(name, use_safetensors=True, **options)
    except OSError as error:
        if "safetensors" not in str(error):
            raise
    with warnings.catch_warnings(action="ignore"):  # of what is not read, for example
        return published.from_pretrained(name, use_safetensors=False, weights_only=True, **options)


def attempt(model: str, load: Callable[..., Any]) -> Any:
    """What ``load`` makes of a model; a hub that has failed is left alone for a while: its client tries for long."""
    from base_models.textual.transformer_xl_tokenizer import register

    register()
    local_files(model)  # a path that is not there is no hub name
    since, message = _unreachable.get(model, (-math.inf, ""))
    if time.monotonic() - since < UNREACHABLE_SECONDS:
        raise LearnerError(message)
    folder = local(model)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # its retries; the end of them is said below
    try:
        return load(str(folder.resolve()) if folder.is_dir() else model, trust_remote_code=False)
    except LearnerError as error:
        raise LearnerError(f"Cannot load model {model!r}: {error}") from error
    except Exception as error:  # damage, refused pickles and a silent hub come as a dozen kinds
        message = (
            f"Cannot load model {model!r}: {_reason(error, folder)}. Give a hub name, for which the first use "
            "needs a network, or the path of a local folder with config.json, model.safetensors and its other files."
        )
        if isinstance(error, OSError) and not folder.is_dir():
            _unreachable[model] = (time.monotonic(), message)
        raise LearnerError(message) from error


def _reason(error: Exception, folder: Path) -> str:
    """What is wrong, where the libraries' own first line misleads."""
    message = str(error)
    if folder.is_dir() and not (folder / "config.json").exists():
        return "there is no config.json in that folder"
    if "Weights only load failed" in message:
        return "its old file of weights holds more than tensors, and nothing else is unpickled"
    if "deserializing header" in message:
        return f"its .safetensors file is damaged ({first_line(error)})"
    if "ignore_mismatched_sizes" in message:
        return "its weights have not the shapes that its config.json gives them"
    return first_line(error)
