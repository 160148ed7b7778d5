"""The two kinds of speech networks in transformers: those that read samples, and Whisper's encoder, which reads mels.

Each runs the parts of its network itself, so that padding changes nothing and Whisper needs no window of 30 seconds.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu
from torch.nn.utils.rnn import pad_sequence

from ensemble.blocks import Array, Features

Count = TypeVar("Count", int, torch.Tensor)
LOUDEST = 32767  # of 16 bits


class Family(Protocol):
    """What sets one kind of speech network apart, by its configuration and the extractor of its inputs. A clip's inputs
    have a step for each sample, or for each mel frame."""

    @property
    def config(self) -> Any: ...

    @property
    def extractor(self) -> Any: ...

    @property
    def width(self) -> int: ...

    @property
    def shortest(self) -> int:
        """Samples that one frame needs."""
        ...

    @property
    def longest(self) -> int | None:
        """Samples that can be read at most; None for any number."""
        ...

    @property
    def features(self) -> tuple[int, ...]:
        """The shape of one step of the inputs."""
        ...

    @property
    def kept(self) -> list[object]:
        """What decides ``keep`` but the samples."""
        ...

    def inputs(self, samples: Features) -> Features:
        """(steps, *features) of one clip's samples."""
        ...

    def keep(self, samples: Features) -> Array:
        """(steps, *features) in half the bytes, for a cache."""
        ...

    def restore(self, kept: Array) -> Features:
        """The inputs again, from what was kept."""
        ...

    def steps(self, samples: int) -> int: ...

    def frames(self, steps: Count) -> Count: ...

    def blocks(self, network: Any) -> nn.ModuleList: ...

    def run(self, network: Any, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, frames, width) that the network itself gives of (rows, steps, *features) inputs, of which the first
        ``lengths`` (rows,) steps are real."""
        ...


@dataclass(frozen=True)
class Waveforms:
    """wav2vec 2, HuBERT, WavLM, UniSpeech: convolutions over the samples under a transformer.

    Where the convolutions normalise over the clip's time (``feat_extract_norm = "group"``), padding would change every
    frame: there they run clip by clip, at its own length, and only the transformer runs over the batch.
    """

    config: Any
    extractor: Any

    longest = None
    features = ()

    def __post_init__(self) -> None:
        if getattr(self.config, "add_adapter", False):
            raise ValueError("a network with an adapter on its encoder is not read here")

    @property
    def width(self) -> int:
        return int(self.config.hidden_size)

    @property
    def shortest(self) -> int:
        steps = 1
        for kernel, stride in reversed(self._convolutions):
            steps = (steps - 1) * stride + kernel
        return steps

    @property
    def kept(self) -> list[object]:
        return ["samples", self.extractor.sampling_rate]

    def inputs(self, samples: Features) -> Features:
        """Of mean 0 and variance 1 where the network was trained so."""
        read = self.extractor(samples, sampling_rate=self.extractor.sampling_rate, return_tensors="np")
        return np.asarray(read["input_values"][0], dtype=np.float32)

    def keep(self, samples: Features) -> Array:
        return np.round(samples * LOUDEST).astype(np.int16)

    def restore(self, kept: Array) -> Features:
        return self.inputs(np.divide(kept, LOUDEST, dtype=np.float32))

    def steps(self, samples: int) -> int:
        return samples

    def frames(self, steps: Count) -> Count:
        for kernel, stride in self._convolutions:
            steps = (steps - kernel) // stride + 1
        return steps

    def blocks(self, network: Any) -> nn.ModuleList:
        blocks: nn.ModuleList = network.encoder.layers
        return blocks

    def run(self, network: Any, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        projected = network.feature_projection(self._convolved(network.feature_extractor, inputs, lengths))
        states = projected[0] if isinstance(projected, tuple) else projected
        mask = real(self.frames(lengths), states.shape[1])
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # WavLM adds two kinds of masks
            found: torch.Tensor = network.encoder(states, attention_mask=None if mask.all() else mask)[0]
        return found

    @property
    def _convolutions(self) -> list[tuple[int, int]]:
        return list(zip(self.config.conv_kernel, self.config.conv_stride, strict=True))

    def _convolved(self, convolve: Any, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, frames, channels)."""
        convolve._requires_grad = False  # the samples themselves need no gradient
        if self.config.feat_extract_norm == "layer" or bool((lengths == inputs.shape[1]).all()):
            together: torch.Tensor = convolve(inputs).transpose(1, 2)
            return together
        rows = [convolve(row[None, :length])[0].T for row, length in zip(inputs, lengths.tolist(), strict=True)]
        return pad_sequence(rows, batch_first=True)


@dataclass(frozen=True)
class Whisper:
    """Whisper's encoder at the clip's own length: of its positions, which are of 30 seconds, the first.

    It was trained on 30 seconds each time, filled up with silence; without the filling a clip of 3 seconds takes less
    than a tenth of the time, and its frames attend to nothing but itself.
    """

    config: Any
    extractor: Any

    def __post_init__(self) -> None:
        made, read = self.extractor.feature_size, self.config.num_mel_bins
        if made != read:
            raise ValueError(f"its preprocessor_config.json makes {made} mels, and the network reads {read}")

    @property
    def width(self) -> int:
        return int(self.config.d_model)

    @property
    def shortest(self) -> int:
        return int(max(self.extractor.n_fft, 2 * self.extractor.hop_length))

    @property
    def longest(self) -> int:
        return int(self.config.max_source_positions * 2 * self.extractor.hop_length)

    @property
    def features(self) -> tuple[int]:
        return (int(self.config.num_mel_bins),)

    @property
    def kept(self) -> list[object]:
        extractor = self.extractor
        return ["mels", extractor.sampling_rate, extractor.feature_size, extractor.n_fft, extractor.hop_length]

    def inputs(self, samples: Features) -> Features:
        """(mel frames, mels) logarithms, as published but for the silence behind."""
        rate = self.extractor.sampling_rate
        read = self.extractor(samples, sampling_rate=rate, padding="longest", truncation=False, return_tensors="np")
        return np.ascontiguousarray(read["input_features"][0].T, dtype=np.float32)

    def keep(self, samples: Features) -> Array:
        return self.inputs(samples).astype(np.float16)

    def restore(self, kept: Array) -> Features:
        return kept.astype(np.float32)

    def steps(self, samples: int) -> int:
        return int(samples // self.extractor.hop_length)

    def frames(self, steps: Count) -> Count:
        return (steps - 1) // 2 + 1

    def blocks(self, network: Any) -> nn.ModuleList:
        blocks: nn.ModuleList = network.layers
        return blocks

    def run(self, network: Any, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        heard = real(lengths, inputs.shape[1])
        states = gelu(network.conv1(inputs.transpose(1, 2))) * heard[:, None]  # what the next one would find at the end
        states = gelu(network.conv2(states)).transpose(1, 2)
        states = states + network.embed_positions.weight[: states.shape[1]]
        states = nn.functional.dropout(states, network.dropout, network.training)
        mask = real(self.frames(lengths), states.shape[1])
        hidden = None if mask.all() else torch.zeros_like(mask, dtype=states.dtype).masked_fill(~mask, -torch.inf)
        for block in network.layers:
            states = block(states, None if hidden is None else hidden[:, None, None])
        found: torch.Tensor = network.layer_norm(states)
        return found


def fitted(family: Family, samples: Features) -> Features:
    """(samples,) as far as a network reads them; what is shorter than a frame is filled up with silence."""
    cut = samples[: family.longest]
    return np.pad(cut, (0, max(0, family.shortest - len(cut))))


def real(lengths: torch.Tensor, longest: int) -> torch.Tensor:
    """(rows, longest) of bool: which places are within (rows,) ``lengths``."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


FAMILIES: dict[str, type[Waveforms] | type[Whisper]] = {
    "wav2vec2": Waveforms,
    "hubert": Waveforms,
    "wavlm": Waveforms,
    "unispeech": Waveforms,
    "unispeech-sat": Waveforms,
    "whisper": Whisper,
}
