"""Sounds as sequences: states of all frames under any speech encoder."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from base_models.sequences.decoding import ahead
from base_models.sequences.layers import Layer, of_layers
from base_models.weights import identity
from ensemble.blocks import Array, Features, Ragged
from ensemble.content.images import Unreadable
from ensemble.content.sounds import read_sound
from ensemble.data import Dataset
from ensemble.system.files import fingerprint

if TYPE_CHECKING:
    from base_models.acoustic.body import SpeechBody

ENCODED = 1  # of our own handling; raise it when the same sound gives other states
MORE = 0.1  # seconds that are read beyond the last that is heard, to know that there are more


class SpeechEncoder:
    """``model`` is a hub name or a local folder: wav2vec 2, HuBERT, WavLM, Whisper's encoder. Of a sound longer than
    ``max_seconds`` its begin is heard, and of one longer than what the network can take (Whisper: 30 s). Every
    ``stride``-th frame is given, from the first.

    Nothing is loaded before the first sound is encoded. ``cut`` says of each file that was read whether it was longer.
    """

    modality = "audio"
    contents = "sounds"
    block = 32

    def __init__(self, model: str, max_seconds: float = 60.0, stride: int = 1) -> None:
        self.model = model
        self.stride = stride
        self.max_seconds = max_seconds
        self.cut: dict[Path, bool] = {}

    @property
    def key(self) -> str:
        return fingerprint([ENCODED, identity(self.model), float(self.max_seconds), self.stride])

    @property
    def layers(self) -> int:
        return self._loaded().layers

    @property
    def width(self) -> int:
        return self._loaded().width

    @property
    def seconds(self) -> float:
        """How much of a sound is heard."""
        body = self._loaded()
        return self.max_seconds if body.longest is None else min(self.max_seconds, body.longest / body.rate)

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        """(frames, width) of each sound."""
        body, cells = self._loaded(), data.cells("audio")
        nothing = [np.zeros((0, body.width), np.float16) for _ in layers]
        paths = [data.root / (cells[row] or "") for row in rows]
        decoded = ahead(partial(self._decode, body.rate, self.seconds), paths)
        states = [nothing if heard is None else _states(body, heard, layers, self.model) for heard in decoded]
        return [Ragged.of([one[:: self.stride] for one in of_layer]) for of_layer in zip(*states, strict=True)]

    def _decode(self, rate: int, seconds: float, path: Path) -> Features | None:
        """(samples,); None where the file cannot be read."""
        try:
            sound = read_sound(path, rate, seconds + MORE)
        except Unreadable:
            return None
        heard = sound.samples[: round(seconds * rate)]
        self.cut[path] = len(heard) < len(sound.samples)
        return heard

    def _loaded(self) -> "SpeechBody":
        from base_models.acoustic.body import load_body

        return load_body(self.model, fingerprint(identity(self.model)))


def _states(body: "SpeechBody", samples: Features, layers: Sequence[Layer], model: str) -> list[Array]:
    """Of one sound: in a batch, padding and the number of sounds would change the last bits."""
    import torch

    inputs = torch.from_numpy(body.inputs(samples))[None].to(body.network.device)
    with torch.inference_mode():
        *states, last = body(inputs, torch.tensor([inputs.shape[1]], device=inputs.device))
        chosen = of_layers(states, last, layers, model)
        return [np.asarray(state[0].half().cpu().numpy()) for state in chosen]
