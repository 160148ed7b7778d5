"""A speech network of any family without a head: what it reads of a sound, and its states layer by layer."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from base_models.acoustic.families import FAMILIES, Family, fitted
from base_models.textual.loading import attempt, load_config
from base_models.textual.loading import load_body as load_network
from base_models.weights import identity, seeded_init
from ensemble.blocks import Array, Features
from ensemble.errors import LearnerError
from ensemble.system.files import fingerprint

# Masks and dropped layers of the library's own are drawn from numpy's global state: ours are drawn elsewhere.
UNDRAWN = {"layerdrop": 0.0, "apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0}
ENCODER_ALONE = {r"^(model\.)?encoder\.": ""}  # of a whole Whisper, and of one whose decoder was left out


class SpeechBody(nn.Module):
    """wav2vec 2, HuBERT, WavLM, UniSpeech or Whisper's encoder: ``layers`` blocks of ``width``.

    ``rate`` is in samples a second. A sound of fewer than ``shortest`` samples is filled up with silence to one frame;
    of one of more than ``longest`` (None: of any number) only these are read: Whisper has positions for 30 seconds.
    """

    def __init__(self, network: Any, family: Family) -> None:
        super().__init__()
        self.network = network
        self.family = family
        self.layers = len(family.blocks(network))
        self.width = family.width
        self.rate = int(family.extractor.sampling_rate)
        self.shortest, self.longest = family.shortest, family.longest

    def inputs(self, samples: Features) -> Features:
        """(steps,) or (steps, mels) of one sound, (samples,) at ``rate``."""
        return self.family.inputs(fitted(self.family, samples))

    def frames(self, samples: int) -> int:
        """How many states a sound of so many samples has."""
        read = max(self.shortest, samples if self.longest is None else min(samples, self.longest))
        return self.family.frames(self.family.steps(read))

    def forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> list[torch.Tensor]:
        """``layers`` + 2 tensors, (rows, frames, width), of (rows, steps, ...) inputs with (rows,) ``lengths``.

        Number 0 is what enters the first block, number n what leaves block n, before any norm that follows; the last
        one, [-1], is what the network itself gives: after its final norm, where it has one. What transformers lists as
        hidden states are 0 to ``layers`` - 1 and [-1]. Frames beyond a row's own mean nothing.
        """
        found: list[torch.Tensor] = []
        blocks = self.family.blocks(self.network)
        hooks = [blocks[0].register_forward_pre_hook(lambda _, entering: found.append(entering[0]))]
        hooks += [block.register_forward_hook(lambda *call: found.append(_states(call[-1]))) for block in blocks]
        try:
            last = self.family.run(self.network, inputs, lengths)
        finally:
            for hook in hooks:
                hook.remove()
        return [*found, last]


def _states(output: Any) -> torch.Tensor:
    """Some blocks hand on more than their states."""
    states: torch.Tensor = output[0] if isinstance(output, tuple) else output
    return states


def make_body(model: str, pretrained: bool, seed: int) -> SpeechBody:
    """A speech network by hub name or local folder; random weights, where not ``pretrained``, from ``seed``.

    A folder of Whisper may hold all of it or the encoder alone. Raises LearnerError where there is no such model, where
    it is none of speech, and where weights do not fill it.
    """
    family = load_family(model)
    with seeded_init(seed):
        network = _published(model, family.config) if pretrained else _random(family.config)
    return SpeechBody(network, family)


@lru_cache(maxsize=2)
def load_body(model: str, weights: str) -> SpeechBody:
    """A published network, ready to be asked for ``states``, once per process and ``weights`` (their fingerprint)."""
    from base_models.neural.inference import device

    return make_body(model, True, 0).eval().to(device())


@torch.inference_mode()
def states(body: SpeechBody, samples: Features) -> list[Array]:
    """``layers`` + 2 arrays of float16, (frames, width), of one sound, as ``SpeechBody.forward`` numbers them.

    One sound at a time and nothing padded, so that it has the same states in any company.
    """
    inputs = torch.from_numpy(body.inputs(samples))[None].to(body.network.device)
    found = body(inputs, torch.tensor([inputs.shape[1]], device=inputs.device))
    return [layer[0].to(torch.float16).cpu().numpy() for layer in found]


def load_family(model: str) -> Family:
    """How a network reads sounds, without its weights. Raises LearnerError where there is no such model, and for one
    that hears nothing."""
    config = load_config(model)
    if config.model_type not in FAMILIES:
        raise LearnerError(
            f"{model} is a {config.model_type} network, no speech encoder that is known here; give one of wav2vec 2, "
            "HuBERT, WavLM, UniSpeech or Whisper."
        )
    for name, value in UNDRAWN.items():
        if hasattr(config, name):
            setattr(config, name, value)
    extractor = _extractor(model, fingerprint(identity(model)))
    try:
        return FAMILIES[config.model_type](config, extractor)
    except ValueError as error:
        raise LearnerError(f"Cannot load model {model!r}: {error}.") from error


@lru_cache(maxsize=8)
def _extractor(model: str, files: str) -> Any:
    return attempt(model, _preprocessing)


def _preprocessing(name: str, **options: Any) -> Any:
    from transformers import AutoFeatureExtractor

    folder = Path(name)
    if folder.is_dir() and not any((folder / f"{each}_config.json").exists() for each in ("preprocessor", "processor")):
        raise ValueError("there is no preprocessor_config.json in that folder, which says what it makes of a sound")
    published: Any = AutoFeatureExtractor
    extractor = published.from_pretrained(name, **options)
    if not hasattr(extractor, "sampling_rate"):
        raise ValueError("its preprocessor_config.json is of images")
    if getattr(extractor, "dither", 0.0):
        extractor.dither = 0.0  # noise that is drawn anew each time
    return extractor


def _published(model: str, config: Any) -> Any:
    if config.model_type != "whisper":
        return load_network(model, "AutoModel", config)
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    return _still(load_network(model, WhisperEncoder, config, ENCODER_ALONE))


def _random(config: Any) -> Any:
    from transformers import AutoModel
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    if config.model_type == "whisper":
        return _still(WhisperEncoder(config))
    return AutoModel.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]


def _still(encoder: Any) -> Any:
    """Positions are sines, which nobody trains; loading forgets that."""
    encoder.embed_positions.requires_grad_(False)
    return encoder
