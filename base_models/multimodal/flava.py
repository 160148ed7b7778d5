"""FLAVA: its multimodal encoder trained on the task, its encoders of texts and images as they are, or trained too."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from base_models.multimodal.heads import Head
from base_models.multimodal.joint import JointLearner
from base_models.neural.hyperparameters import BatchSize, Epochs, Optimizer, Patience, Resample, Training, Validation
from base_models.parameters import (
    Clean,
    Dropout,
    Lower,
    MaxLength,
    Missing,
    ModalityDropout,
    Pretrained,
    Translator,
    ViewAverage,
    Views,
    meaning,
)
from base_models.weights import check_available, local_files
from ensemble.data import Dataset
from ensemble.features import FeatureCache
from ensemble.learner import Trial

if TYPE_CHECKING:
    from base_models.multimodal.flava_network import FlavaEncoders, FlavaNetwork
    from base_models.multimodal.pairs import PairSource
    from base_models.multimodal.states import StateSource
    from base_models.textual.tokens import TokenSource
    from base_models.visual.pixels import PixelSource


class FlavaTraining(Training):
    """As published, but for the rows that early stopping looks at: a tenth of the fit rows, never the reported ones.

    The paper names no patience. ``resample = 0`` leaves the classes as they are and weights the loss instead.
    """

    epochs: Epochs = 10
    batch: BatchSize = 32
    optimizer: Optimizer = "adam"
    resample: Resample = 1.9
    validation: Validation = 0.1
    patience: Patience = 3


class Flava(JointLearner):
    """FLAVA, its multimodal encoder fine-tuned: any FLAVA model by hub name or local folder, such as
    facebook/flava-full.

    The encoders of texts and images are not trained where ``frozen``; then every text and image is encoded once.
    A missing modality is tokens of zeros, as published, or of a ``learned`` vector. Images are resized and cropped as
    the model's own file says (FLAVA's are squashed to a square).
    """

    of_classes: ClassVar = ("resample",)

    def __init__(
        self,
        model: Annotated[str, meaning("FLAVA by hub name or local folder")],
        pretrained: Pretrained = True,
        frozen: Annotated[bool, meaning("leave the encoders of texts and images as they are")] = True,
        head: Annotated[
            Head, meaning("layers on the first, global token, or attention to all tokens")
        ] = "three_layers",
        dropout: Dropout = 0.3,
        missing: Missing = "zeros",
        modality_dropout: ModalityDropout = 0.0,
        clean: Clean = True,
        translator: Translator = None,
        lower: Lower = True,
        max_length: MaxLength = 128,
        views: Views = 1,
        average: ViewAverage = "log_probabilities",
        training: FlavaTraining | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.pretrained = pretrained
        self.frozen = frozen
        self.head = head
        self.dropout = dropout
        self.missing = missing
        self.modality_dropout = modality_dropout
        self.clean = clean
        self.translator = translator
        self.lower = lower
        self.max_length = max_length
        self.views = views
        self.average = average
        self.training = training or FlavaTraining()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Ours: the paper names no search."""
        return {
            "head": trial.suggest_categorical("head", ["linear", "two_layers", "three_layers", "attention"]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.5),
            "modality_dropout": trial.suggest_float("modality_dropout", 0.0, 0.3),
            "training": {
                "lr": trial.suggest_float("lr", 1e-6, 1e-3, log=True),
                "batch": trial.suggest_categorical("batch", [8, 16, 32]),
                "resample": trial.suggest_float("resample", 0.0, 3.0),
            },
        }

    def sources(self) -> list[Path]:
        """The local files of weights and tokenizer, and of the translator."""
        models = dict.fromkeys([self.model, *([self.translator] if self.translator else [])])
        return [path for model in models for path in local_files(model)]

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        for model in filter(None, (self.model, self.translator)):
            check_available(model)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "FlavaNetwork":
        from base_models.multimodal.flava_network import FlavaNetwork, FlavaShape, make_flava
        from base_models.multimodal.preprocessing import image_preprocessing

        body = make_flava(self.model, pretrained, self.max_length, seed)
        shape = FlavaShape(self.head, self.dropout, self.missing, self.frozen)
        return FlavaNetwork(body, self.model, image_preprocessing(self.model), outputs, shape, seed)

    def _source(self) -> "PairSource":
        """States of tokens, where they are the same for all folds and find room; tokens and pixels otherwise."""
        from base_models.multimodal.pairs import PairSource
        from base_models.multimodal.preprocessing import image_preprocessing
        from base_models.textual.source import TextSource
        from base_models.textual.tokens import TokenSource
        from base_models.visual.pixels import ImageSource, PixelSource

        tokens = TokenSource(self.model, self.lower, self.max_length, self._cache)
        pixels = PixelSource(image_preprocessing(self.model), self.views, self._cache)
        encoded = self._states(tokens, pixels) if self.frozen and self.pretrained else None
        texts = TextSource(tokens, self.clean, self.translator)
        return PairSource(texts, ImageSource(pixels), self.modality_dropout, encoded)

    def _states(self, tokens: "TokenSource", pixels: "PixelSource") -> "StateSource":
        from base_models.multimodal.states import StateSource

        return StateSource(self.model, self._load_encoders, tokens, pixels, self._cache)

    def _load_encoders(self) -> "FlavaEncoders":
        from base_models.multimodal.flava_network import FlavaEncoders, make_flava
        from base_models.multimodal.preprocessing import image_preprocessing

        body = make_flava(self.model, True, self.max_length, 0)
        return FlavaEncoders(body, image_preprocessing(self.model), frozen=True)
