"""Text networks and their tokenizers by hub name or local folder, loaded without executing anybody's pickle."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from base_models.weights import identity, local
from ensemble.errors import LearnerError, first_line, some
from ensemble.files import fingerprint

WEIGHTS = (".safetensors", ".bin", ".pth", ".pt", ".tar")


def tokenizer_identity(model: str) -> list[str]:
    """What stands for a model's tokenizer in a fingerprint: the files beside its weights, or the hub name."""
    return [name for name in identity(model) if not name.partition(":")[0].endswith(WEIGHTS)]


def load_tokenizer(model: str) -> Any:
    """A Hugging Face tokenizer, once per process and content; one without padding pads with its end of sequence.

    Raises LearnerError where there is none.
    """
    return _tokenizer(model, fingerprint(tokenizer_identity(model)))


@lru_cache(maxsize=8)
def _tokenizer(model: str, files: str) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads of its own would outlive a fork
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(_name(model))
    except Exception as error:  # whatever its files make the libraries say
        raise _unloadable(model, error) from error
    if tokenizer.pad_token is None:  # padding is masked, so any token serves
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def load_config(model: str) -> Any:
    """A network's configuration; raises LearnerError where there is none."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(_name(model))
    except Exception as error:
        raise _unloadable(model, error) from error


def save_description(folder: Path, config: Any, model: str) -> None:
    """A network's configuration and ``model``'s tokenizer, so that ``folder`` can stand for the model."""
    config.save_pretrained(folder)
    load_tokenizer(model).save_pretrained(folder)


def load_body(model: str) -> Any:
    """A network with its published weights, in single precision; raises LearnerError where they do not fill it."""
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what a file lacks is checked below
    try:
        body, found = _weights(AutoModel, _name(model))
    except Exception as error:  # damage and refused pickles come as a dozen kinds
        raise _unloadable(model, error) from error
    finally:
        logging.set_verbosity(verbosity)
    lost = sorted(name for name in found["missing_keys"] if not name.startswith("pooler."))
    if lost:
        raise LearnerError(f"{model} holds the weights of another network: no {some(lost)}.")
    return body


def _weights(auto: Any, name: str) -> Any:
    """Safetensors; where a model was published before they were, its tensors alone out of the old file."""
    import torch

    options = {"dtype": torch.float32, "output_loading_info": True}
    try:
        return auto.from_pretrained(name, use_safetensors=True, **options)
    except OSError as error:
        if "safetensors" not in str(error):
            raise
        return auto.from_pretrained(name, use_safetensors=False, weights_only=True, **options)


def _name(model: str) -> str:
    folder = local(model)
    return str(folder.resolve()) if folder.is_dir() else model


def _unloadable(model: str, error: Exception) -> LearnerError:
    return LearnerError(
        f"Cannot load text model {model!r}: {first_line(error)}. Give a hub name, or a local folder with config.json, "
        "tokenizer files and model.safetensors."
    )
