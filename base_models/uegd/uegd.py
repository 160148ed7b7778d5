"""The learner UEGD: frozen encoders of text, image, sound and video under a gated decoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from base_models.encoder_parameters import alone, check_effect
from base_models.neural.hyperparameters import (
    Balance,
    Epochs,
    LearningRate,
    Optimizer,
    Schedule,
    StopOn,
    Training,
    Validation,
)
from base_models.neural.learner import NeuralLearner
from base_models.parameters import Detector, Dropout, FaceChoice, FaceMargin, MaxLength, meaning
from base_models.weights import check_available, local_files
from ensemble.content.clips import MAX_SECONDS
from ensemble.data import Dataset, Floats
from ensemble.errors import LearnerError, unknown
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial
from ensemble.modalities import MODALITIES

if TYPE_CHECKING:
    from base_models.faces.preparation import Faces
    from base_models.sequences.states import SequenceEncoder, SequenceStates
    from base_models.uegd.examples import SequenceSource
    from base_models.uegd.network import States, UegdNetwork

Layer = int | Literal["last", "mean", "weighted"]
Encoder = str | None
Fps = Annotated[float, Field(gt=0, description="frames that are seen of a second of video")]
MaxSeconds = Annotated[float, Field(gt=0, le=MAX_SECONDS, description="sounds and videos are cut to")]
Share = Annotated[float, Field(ge=0, le=1)]


class UegdTraining(Training):
    """As published: all epochs are run, and the best on the development part is taken, of equals the later one."""

    later_of_equals = True

    epochs: Epochs = 50
    optimizer: Optimizer = "adam"
    lr: LearningRate = 1e-4
    schedule: Schedule = "cosine_by_epoch"
    warmup: float = Field(default=10.0, ge=0, description="epochs over which lr rises")
    balance: Balance = 0.0
    validation: Validation = 0.1
    stop_on: StopOn = "loss"


class Uegd(NeuralLearner):
    """UEGD: frozen encoders of each modality, their sequences of states pooled, gated and decoded.

    ``layer`` is what is taken of the encoders, of all or by modality (``{ text = 19, audio = "weighted" }``): a block's
    number from 1, or from the end as -1, "last", what the encoder itself gives, "mean", or "weighted", a sum of all
    blocks whose weights are learned. Gates say how far each modality counts, per row. States are computed once and kept
    in the cache, which must have room for them.

    In training, spans of frames and of features are masked. A missing modality is a vector of zeros; with
    ``published_rows`` rows that lack any are neither fitted on nor predicted, as in the authors' code.
    """

    pretrained = True
    _name, _counted = "uegd", "posts"

    def __init__(
        self,
        text: Annotated[Encoder, meaning("text encoder by hub name or local folder")] = None,
        image: Annotated[Encoder, meaning("image encoder: timm name, hub name or local folder")] = None,
        audio: Annotated[Encoder, meaning("speech encoder by hub name or local folder")] = None,
        video: Annotated[Encoder, meaning("image encoder of a video's frames, named like that of images")] = None,
        layer: Annotated[
            Layer | Mapping[str, Layer], meaning("of the encoders, or a block's number; or a table by modality")
        ] = "last",
        combine: Annotated[Literal["gates", "concatenation"], meaning("how modalities come together")] = "gates",
        hidden_width: Annotated[int, Field(ge=1, description="of frames, before they are pooled")] = 256,
        heads: Annotated[int, Field(ge=1, description="of the self-attentive pooling")] = 4,
        width: Annotated[int, Field(ge=1, description="of a modality's vector, and of the decoder")] = 128,
        dropout: Dropout = 0.2,
        time_masks: Annotated[int, Field(ge=0, description="spans of frames that a training step masks")] = 2,
        time_share: Annotated[Share, meaning("of a sequence: each span of frames is shorter")] = 0.2,
        feature_masks: Annotated[int, Field(ge=0, description="spans of features that a training step masks")] = 10,
        feature_share: Annotated[Share, meaning("of all features: each span of them is shorter")] = 0.02,
        max_length: MaxLength = 512,
        audio_stride: Annotated[
            int, Field(ge=1, description="of so many frames of the speech encoder one is taken")
        ] = 10,
        fps: Fps = 3.0,
        max_seconds: MaxSeconds = 60.0,
        faces: FaceChoice = "none",
        detector: Detector = None,
        face_margin: FaceMargin = 0,
        published_rows: Annotated[bool, meaning("leave out rows that lack a modality, as the authors' code")] = False,
        training: UegdTraining | None = None,
    ) -> None:
        super().__init__()
        self.text, self.image, self.audio, self.video = text, image, audio, video
        self.layer = layer if isinstance(layer, int | str) else dict(layer)
        self.combine, self.published_rows = combine, published_rows
        self.hidden_width, self.heads, self.width, self.dropout = hidden_width, heads, width, dropout
        self.time_masks, self.time_share = time_masks, time_share
        self.feature_masks, self.feature_share = feature_masks, feature_share
        self.max_length, self.max_seconds = max_length, max_seconds
        self.audio_stride, self.fps = audio_stride, fps
        self.faces, self.detector, self.face_margin = faces, detector, face_margin
        self.training = training or UegdTraining()
        self._check()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Ours: the paper names no search."""
        return {
            "hidden_width": trial.suggest_categorical("hidden_width", [64, 128, 256]),
            "width": trial.suggest_categorical("width", [32, 64, 128]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "training": {
                "lr": trial.suggest_float("lr", 3e-5, 1e-3, log=True),
                "batch": trial.suggest_categorical("batch", [16, 32, 64]),
            },
        }

    def modalities(self) -> tuple[str, ...]:
        return tuple(name for name in MODALITIES if getattr(self, name) is not None)

    def sources(self) -> list[Path]:
        """The local files of the encoders, and of the detector of faces."""
        models = dict.fromkeys(getattr(self, name) for name in self.modalities())
        return [path for model in models for path in local_files(model)] + self._faces().sources()

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        from base_models.sequences.frames import of_timm
        from base_models.visual.network import check_network

        for name in self.modalities():
            model: str = getattr(self, name)
            (check_network if name in ("image", "video") and of_timm(model) else check_available)(model)
        self._faces().check()

    def modality_weights(self, data: Dataset) -> Floats | None:
        """(rows, modalities) how far each gate is open, 0 to 1 and not 1 in all; NaN of what is not there. None with
        ``combine = "concatenation"``, which has no gates."""
        from base_models.uegd.network import Gates, UegdNetwork

        if self.combine == "concatenation":
            return None
        gates = np.full((len(data), len(self.modalities())), np.nan)
        source = self._source()
        known = source.known(data)
        if isinstance(self.network_, UegdNetwork) and len(known):
            shown = data.take(known)
            opened = self._outputs(Gates(self.network_), source, shown)
            gates[known] = np.where(source.present(shown), opened, np.nan)
        return gates

    def layer_params(self) -> Mapping[str, Mapping[int, Mapping[str, object]]]:
        """By modality and layer, what makes a learner of that modality and layer alone."""
        found = {}
        for name, states in self._states("weighted").items():
            found[name] = {int(layer): {**alone(self, name), "layer": int(layer)} for layer in states.layers}
        return found

    def prepare_layers(self, data: Dataset, cache: FeatureCache) -> None:
        self._cache = cache
        self._source_of("weighted").fill(data)

    def training_info(self) -> TrainingInfo:
        from base_models.uegd.network import UegdNetwork

        info = super().training_info()
        if isinstance(self.network_, UegdNetwork) and self.network_.layer_weights():
            info["layer_weights"] = self.network_.layer_weights()
        return info

    def _check(self) -> None:
        """Raises LearnerError for parameters that do not go together."""
        if not self.modalities():
            raise LearnerError(f"uegd needs an encoder: set one or more of {', '.join(MODALITIES)}.")
        for name in self.layer if isinstance(self.layer, dict) else ():
            if name not in self.modalities():
                raise LearnerError(f"uegd: layer: {unknown('encoder', name, self.modalities())}")
        check_effect("uegd", type(self), vars(self), self.modalities())
        self._faces()  # which says what else does not go together

    def _source(self) -> "SequenceSource":
        return self._source_of(self.layer)

    def _source_of(self, layer: Layer | Mapping[str, Layer]) -> "SequenceSource":
        from base_models.uegd.examples import SequenceSource
        from base_models.uegd.masks import Masks, Spans

        states = self._states(layer)
        widths = {name: self._size(one.encoder).width for name, one in states.items()}
        masks = Masks(Spans(self.time_masks, self.time_share), Spans(self.feature_masks, self.feature_share))
        return SequenceSource(states, widths, masks, self._faces(), self.published_rows)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "UegdNetwork":
        from base_models.uegd.network import States, UegdNetwork, UegdShape

        fed = {
            name: States(len(one.layers), self._size(one.encoder).width)
            for name, one in self._states(self.layer).items()
        }
        shape = UegdShape(self.hidden_width, self.heads, self.width, self.dropout, self.combine)
        return UegdNetwork(fed, outputs, shape, seed)

    def _states(self, layer: Layer | Mapping[str, Layer]) -> "dict[str, SequenceStates]":
        from base_models.sequences.states import SequenceStates

        found = {}
        for name in self.modalities():
            encoder = self._encoder(name)
            own = layer.get(name, "last") if isinstance(layer, Mapping) else layer
            layers = tuple(range(1, self._size(encoder).layers + 1)) if own == "weighted" else (own,)
            found[name] = SequenceStates(encoder, layers, self._cache)
        return found

    def _encoder(self, modality: str) -> "SequenceEncoder":
        from base_models.sequences.frames import FrameEncoder
        from base_models.sequences.pictures import PictureEncoder
        from base_models.sequences.speech import SpeechEncoder
        from base_models.sequences.tokens import TokenEncoder

        model: str = getattr(self, modality)
        if modality == "text":
            return TokenEncoder(model, self.max_length)
        if modality == "audio":
            return SpeechEncoder(model, self.max_seconds, self.audio_stride)
        if modality == "image":
            return PictureEncoder(model)
        return FrameEncoder(model, self.fps, self.max_seconds, self._faces())

    def _size(self, encoder: "SequenceEncoder") -> "States":
        from base_models.uegd.sizes import size_of

        return size_of(encoder)

    def _faces(self) -> "Faces":
        from base_models.faces.preparation import Faces

        return Faces(self.faces, self.detector, self.fps, self._cache, self.face_margin, "video", self.max_seconds)
