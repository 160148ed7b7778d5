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

from ensemble.blocks import Features

Count = TypeVar("Count", int, torch.Tensor)


class Family(Protocol):
    """What sets one kind of speech network apart; a clip's inputs have a step for each sample, or each mel frame."""

    @property
    def blocks(self) -> nn.ModuleList: ...

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

    def inputs(self, samples: Features) -> Features:
        """(steps,) or (steps, mels) of one clip's samples."""
        ...

    def steps(self, samples: int) -> int: ...

    def frames(self, steps: Count) -> Count: ...

    def run(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, frames, width) that the network itself gives of (rows, steps, ...) inputs, of which the first
        ``lengths`` (rows,) steps are real."""
        ...


@dataclass(frozen=True)
class Waveforms:
    """wav2vec 2, HuBERT, WavLM, UniSpeech: convolutions over the samples under a transformer.

    Where the convolutions normalise over the clip's time (``feat_extract_norm = "group"``), padding would change every
    frame: there they run clip by clip, at its own length, and only the transformer runs over the batch.
    """

    network: Any
    extractor: Any

    longest = None

    def __post_init__(self) -> None:
        if getattr(self.network, "adapter", None) is not None:
            raise ValueError("a network with an adapter on its encoder is not read here; give one without")
        self.network.feature_extractor._requires_grad = False  # its inputs need no gradient

    @property
    def blocks(self) -> nn.ModuleList:
        blocks: nn.ModuleList = self.network.encoder.layers
        return blocks

    @property
    def width(self) -> int:
        return int(self.network.config.hidden_size)

    @property
    def shortest(self) -> int:
        steps = 1
        for kernel, stride in reversed(self._convolutions):
            steps = (steps - 1) * stride + kernel
        return steps

    def inputs(self, samples: Features) -> Features:
        """Of mean 0 and variance 1 where the network was trained so."""
        read = self.extractor(samples, sampling_rate=self.extractor.sampling_rate, return_tensors="np")
        return np.asarray(read["input_values"][0], dtype=np.float32)

    def steps(self, samples: int) -> int:
        return samples

    def frames(self, steps: Count) -> Count:
        for kernel, stride in self._convolutions:
            steps = (steps - kernel) // stride + 1
        return steps

    def run(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        features = self._convolved(inputs, lengths)
        projected = self.network.feature_projection(features)
        states = projected[0] if isinstance(projected, tuple) else projected
        mask = real(self.frames(lengths), states.shape[1])
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # WavLM adds two kinds of masks
            found: torch.Tensor = self.network.encoder(states, attention_mask=None if mask.all() else mask)[0]
        return found

    @property
    def _convolutions(self) -> list[tuple[int, int]]:
        config = self.network.config
        return list(zip(config.conv_kernel, config.conv_stride, strict=True))

    def _convolved(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """(rows, frames, channels)."""
        extract = self.network.feature_extractor
        if self.network.config.feat_extract_norm == "layer" or bool((lengths == inputs.shape[1]).all()):
            together: torch.Tensor = extract(inputs).transpose(1, 2)
            return together
        rows = [extract(row[None, :length])[0].T for row, length in zip(inputs, lengths.tolist(), strict=True)]
        return pad_sequence(rows, batch_first=True)


@dataclass(frozen=True)
class Whisper:
    """Whisper's encoder at the clip's own length: of its positions, which are of 30 seconds, the first.

    It was trained on 30 seconds each time, filled up with silence; without the filling a clip of 3 seconds takes less
    than a tenth of the time, and its frames attend to nothing but itself.
    """

    network: Any
    extractor: Any

    def __post_init__(self) -> None:
        made, read = self.extractor.feature_size, self.network.config.num_mel_bins
        if made != read:
            raise ValueError(f"its preprocessor_config.json makes {made} mels, and the network reads {read}")

    @property
    def blocks(self) -> nn.ModuleList:
        blocks: nn.ModuleList = self.network.layers
        return blocks

    @property
    def width(self) -> int:
        return int(self.network.config.d_model)

    @property
    def shortest(self) -> int:
        return int(max(self.extractor.n_fft, 2 * self.extractor.hop_length))

    @property
    def longest(self) -> int:
        return int(self.network.config.max_source_positions * 2 * self.extractor.hop_length)

    def inputs(self, samples: Features) -> Features:
        """(mel frames, mels) logarithms, as published but for the silence behind."""
        rate = self.extractor.sampling_rate
        read = self.extractor(samples, sampling_rate=rate, padding="longest", truncation=False, return_tensors="np")
        return np.ascontiguousarray(read["input_features"][0].T, dtype=np.float32)

    def steps(self, samples: int) -> int:
        return int(samples // self.extractor.hop_length)

    def frames(self, steps: Count) -> Count:
        return (steps - 1) // 2 + 1

    def run(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        network, heard = self.network, real(lengths, inputs.shape[1])
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
