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

    Nothing is loaded before the first sound is encoded. ``cut`` says of each file that was read why its end is not
    heard, "" where it is.
    """

    modality = "audio"
    contents = "sounds"
    block = 32

    def __init__(self, model: str, max_seconds: float = 60.0, stride: int = 1) -> None:
        self.model = model
        self.stride = stride
        self.max_seconds = max_seconds
        self.cut: dict[Path, str] = {}

    @property
    def key(self) -> str:
        return fingerprint([ENCODED, identity(self.model), float(self.max_seconds), self.stride])

    @property
    def layers(self) -> int:
        return self._loaded().layers

    @property
    def width(self) -> int:
        return self._loaded().width

    def encode(self, data: Dataset, rows: Sequence[int], layers: Sequence[Layer]) -> list[Ragged]:
        """(frames, width) of each sound."""
        body, cells = self._loaded(), data.cells("audio")
        nothing = [np.zeros((0, body.width), np.float16) for _ in layers]
        paths = [data.root / (cells[row] or "") for row in rows]
        decoded = ahead(partial(self._decode, body), paths)
        states = [nothing if heard is None else _states(body, heard, layers, self.model) for heard in decoded]
        return [Ragged.of([one[:: self.stride] for one in of_layer]) for of_layer in zip(*states, strict=True)]

    def _decode(self, body: "SpeechBody", path: Path) -> Features | None:
        """(samples,); None where the file cannot be read."""
        try:
            samples = read_sound(path, body.rate, self.max_seconds + MORE).samples
        except Unreadable:
            return None
        wanted = round(self.max_seconds * body.rate)
        taken = wanted if body.longest is None else min(wanted, body.longest)
        limit = (
            f"max_seconds = {self.max_seconds:g}" if taken == wanted else f"the {taken / body.rate:g} s that it takes"
        )
        self.cut[path] = f"longer than {limit}" if len(samples) > taken else ""
        return samples[:taken]

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
