"""A speech network trained on the task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from base_models.neural.hyperparameters import BatchSize, Clip, Epochs, LearningRate, Schedule, Training
from base_models.neural.learner import NeuralLearner
from base_models.parameters import Dropout, FrozenLayers, HeadRate, LayerDecay, Pretrained, Recompute, meaning
from base_models.weights import check_available, local_files
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial

if TYPE_CHECKING:
    from base_models.acoustic.network import SpeechClassifier
    from base_models.acoustic.sounds import SoundSource
    from base_models.neural.sampling import Examples

Share = Annotated[float, Field(ge=0, lt=1, description="of a sound that one mask hides at most")]


class AcousticTraining(Training):
    """Of four trials on RAVDESS with Whisper's smallest encoder, each on one split of one fold's fit rows, the best
    (macro-F1 .73 where a probe has .67): a new head wants a rate far above the network's."""

    epochs: Epochs = 5
    batch: BatchSize = 8
    lr: LearningRate = 1e-4
    schedule: Schedule = "linear"
    warmup: float = Field(default=1.0, ge=0, description="epochs over which lr rises from zero; parts count")
    clip: Clip = 1.0


class Acoustic(NeuralLearner):
    """A speech network, fine-tuned: wav2vec 2, HuBERT, WavLM, UniSpeech or Whisper's encoder, by hub name or folder.

    Sounds are read up to ``max_seconds``, Whisper's at their own length. Frames are of the network's last layer or a
    learned sum of all; they are pooled over time; in training ``time_masks`` spans of each sound are hidden.
    Rows without a sound are not fitted on and get the class frequencies of the fit rows.
    """

    _name, _counted = "acoustic", "sounds"

    def __init__(
        self,
        model: Annotated[str, meaning("speech network by hub name or local folder")],
        pretrained: Pretrained = True,
        max_seconds: Annotated[float, Field(gt=0, le=600, description="that a sound is cut to")] = 30.0,
        layers: Annotated[
            Literal["last", "weighted"], meaning("whose frames are pooled: the last one's, or a learned sum of all")
        ] = "weighted",
        pooling: Annotated[
            Literal["mean", "attention"], meaning("frames to one, by equal or by learned shares")
        ] = "mean",
        hidden_width: Annotated[int, Field(ge=0, description="of the hidden layer; 0: none")] = 0,
        dropout: Dropout = 0.1,
        time_masks: Annotated[int, Field(ge=0, description="spans of a sound that a training step does not hear")] = 2,
        mask_share: Share = 0.1,
        frozen_layers: FrozenLayers = None,
        layer_decay: LayerDecay = 1.0,
        head_rate: HeadRate = 30.0,
        recompute: Recompute = False,
        training: AcousticTraining | None = None,
    ) -> None:
        super().__init__()
        if time_masks * mask_share >= 1:
            hidden = f"{time_masks} masks of up to {mask_share:g} of a sound could hide all of it"
            raise LearnerError(f"acoustic: {hidden}; time_masks times mask_share must be below 1.")
        self.model = model
        self.pretrained = pretrained
        self.max_seconds = max_seconds
        self.layers = layers
        self.pooling = pooling
        self.hidden_width = hidden_width
        self.dropout = dropout
        self.time_masks = time_masks
        self.mask_share = mask_share
        self.frozen_layers = frozen_layers
        self.layer_decay = layer_decay
        self.head_rate = head_rate
        self.recompute = recompute
        self.training = training or AcousticTraining()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Ours, around what is usual for speech networks."""
        return {
            "layers": trial.suggest_categorical("layers", ["last", "weighted"]),
            "pooling": trial.suggest_categorical("pooling", ["mean", "attention"]),
            "layer_decay": trial.suggest_categorical("layer_decay", [0.7, 0.85, 1.0]),
            "head_rate": trial.suggest_float("head_rate", 3.0, 100.0, log=True),
            "dropout": trial.suggest_float("dropout", 0.0, 0.3),
            "mask_share": trial.suggest_float("mask_share", 0.0, 0.3),
            "training": {
                "lr": trial.suggest_float("lr", 1e-5, 1e-3, log=True),
                "batch": trial.suggest_categorical("batch", [4, 8, 16]),
            },
        }

    def modalities(self) -> tuple[str, ...]:
        return ("audio",)

    def sources(self) -> list[Path]:
        """The local files of weights and preprocessing."""
        return local_files(self.model)

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        check_available(self.model)

    @property
    def _described(self) -> str:
        """Where configuration and preprocessing are: a saved model has its own."""
        return self.model if self._folder is None else str(self._folder)

    def _source(self) -> "SoundSource":
        from base_models.acoustic.body import load_family
        from base_models.acoustic.masking import TimeMasks
        from base_models.acoustic.sounds import SoundSource

        masks = TimeMasks(self.time_masks, self.mask_share)
        return SoundSource(load_family(self._described), self.max_seconds, self._cache, masks)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "SpeechClassifier":
        from base_models.acoustic.body import make_body
        from base_models.acoustic.network import SpeechClassifier, SpeechHeadShape

        shape = SpeechHeadShape(self.layers, self.pooling, self.hidden_width, self.dropout)
        return SpeechClassifier(
            make_body(self._described, pretrained, seed),
            outputs,
            shape,
            seed,
            self.frozen_layers,
            self.layer_decay,
            self.head_rate,
            self.recompute,
        )

    def _warm_up(self, network: Any, examples: "Examples") -> TrainingInfo:
        from base_models.acoustic.network import standardise

        standardise(network, examples, self.training)
        longest = network.body.longest
        if longest is None:
            return {}
        positions, seconds = network.body.frames(longest), longest / network.body.rate
        return {"sound_window": f"the sound's own length: of {positions:,} positions, {seconds:g} s, the first"}

    def _describe(self, folder: Path) -> dict[str, object]:
        """Configuration and preprocessing, too, so that the folder is all that predicting needs."""
        network: Any = self.network_
        if network is not None:
            network.body.family.config.save_pretrained(folder)
            network.body.family.extractor.save_pretrained(folder)
        return {}
