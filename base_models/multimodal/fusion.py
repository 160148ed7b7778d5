"""A text network and an image network tuned by one loss."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from base_models.multimodal.combination import Combine
from base_models.multimodal.joint import JointLearner
from base_models.neural.hyperparameters import Balance, Epochs, LearningRate, MinEpochs, Patience, StopOn, Training
from base_models.parameters import (
    CropRatio,
    CropScale,
    Degrees,
    Dropout,
    HeadRate,
    Lower,
    MaxLength,
    Missing,
    ModalityDropout,
    Pretrained,
    Size,
    TextPooling,
    ViewAverage,
    Views,
    meaning,
)
from base_models.weights import check_available, local_files
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial
from ensemble.predictions import Probabilities

if TYPE_CHECKING:
    from base_models.multimodal.fusion_network import FusionNetwork
    from base_models.multimodal.pairs import PairSource
    from base_models.neural.sampling import Examples
    from base_models.visual.views import Preprocessing

ImageRate = Annotated[float, Field(gt=0, description="the image network's learning rate, as a multiple of training.lr")]


class FusionTraining(Training):
    """Stopping as published: on the training loss, after at least three epochs."""

    epochs: Epochs = 20
    lr: LearningRate = 2e-5
    balance: Balance = 0.0
    stop_on: StopOn = "training_loss"
    patience: Patience = 1
    min_epochs: MinEpochs = 3


class Fusion(JointLearner):
    """Joint fine-tuning: a text network and an image network under attention, tuned by one loss.

    Each network is projected to a token of ``width``. ``combine`` "attention" (of ``heads``) lets the two attend to
    each other, "gate" sums them by a learned gate per dimension, "concatenation" puts a hidden layer over both; the
    weights of text and image in the first two are kept per row. ``modality_dropout`` hides a half of some training
    rows; a missing one is a token of zeros, or a learned one.
    """

    def __init__(
        self,
        image: Annotated[str, meaning("image network: timm name, hub name or local folder")],
        text: Annotated[str, meaning("text network by hub name or local folder")],
        pretrained: Pretrained = True,
        combine: Annotated[Combine, meaning("how the tokens of text and image become one")] = "attention",
        width: Annotated[int, Field(ge=1, description="of both tokens, a multiple of heads")] = 128,
        heads: Annotated[int, Field(ge=1, description="of the attention")] = 4,
        dropout: Dropout = 0.1,
        missing: Missing = "zeros",
        modality_dropout: ModalityDropout = 0.0,
        lower: Lower = False,
        max_length: MaxLength = 128,
        pooling: TextPooling = None,
        size: Size = None,
        views: Views = 1,
        average: ViewAverage = "log_probabilities",
        scale: CropScale = None,
        ratio: CropRatio = (3 / 4, 4 / 3),
        degrees: Degrees = 0.0,
        image_rate: ImageRate = 1.0,
        head_rate: HeadRate = 1.0,
        training: FusionTraining | None = None,
    ) -> None:
        super().__init__()
        if width % heads:
            raise LearnerError(f"fusion: width must be a multiple of heads = {heads}, got {width}.")
        self.image, self.text, self.pretrained = image, text, pretrained
        self.combine, self.width, self.heads = combine, width, heads
        self.dropout = dropout
        self.missing = missing
        self.modality_dropout = modality_dropout
        self.lower = lower
        self.max_length = max_length
        self.pooling = pooling
        self.size = size
        self.views = views
        self.average = average
        self.scale = scale
        self.ratio = ratio
        self.degrees = degrees
        self.image_rate = image_rate
        self.head_rate = head_rate
        self.training = training or FusionTraining()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Ours: the paper names no search."""
        return {
            "combine": trial.suggest_categorical("combine", ["attention", "gate", "concatenation"]),
            "width": trial.suggest_categorical("width", [64, 128, 256]),
            "dropout": trial.suggest_float("dropout", 0.0, 0.3),
            "modality_dropout": trial.suggest_float("modality_dropout", 0.0, 0.3),
            "image_rate": trial.suggest_float("image_rate", 0.1, 10.0, log=True),
            "head_rate": trial.suggest_float("head_rate", 1.0, 100.0, log=True),
            "training": {
                "lr": trial.suggest_float("lr", 1e-6, 1e-4, log=True),
                "batch": trial.suggest_categorical("batch", [8, 16, 32]),
            },
        }

    def sources(self) -> list[Path]:
        """The local files of weights and tokenizer."""
        return [path for model in dict.fromkeys([self.image, self.text]) for path in local_files(model)]

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        from base_models.visual.network import check_network

        check_network(self.image, self.pretrained)
        check_available(self.text)

    def modality_weights(self, data: Dataset) -> Probabilities | None:
        """(rows, 2) weights of text and image, the mean over views: of what is there, 1 in all. NaN where a row has
        neither, None where the combination has no weights. They say what the network looked at, not why it decided."""
        from base_models.multimodal.fusion_network import FusionNetwork, Weights
        from base_models.multimodal.pairs import present

        if self.combine == "concatenation":
            return None
        weights = np.full((len(data), 2), np.nan)
        source = self._source()
        known = source.known(data)
        if isinstance(self.network_, FusionNetwork) and len(known):
            read = source.read(data.take(known))
            shares = self._outputs(Weights(self.network_), source, read).mean(axis=1) * np.stack(present(read), axis=1)
            weights[known] = shares / shares.sum(axis=1, keepdims=True)
        return weights

    def _source(self) -> "PairSource":
        from base_models.multimodal.pairs import PairSource
        from base_models.textual.source import TextSource
        from base_models.textual.tokens import TokenSource
        from base_models.visual.augmentation import Augmentation
        from base_models.visual.pixels import ImageSource, PixelSource

        texts = TextSource(TokenSource(self.text, self.lower, self.max_length, self._cache))
        preprocessing = self._preprocessing()
        crops = None if self.scale is None else Augmentation(preprocessing, self.scale, self.ratio, self.degrees)
        images = ImageSource(PixelSource(preprocessing, self.views, self._cache), crops)
        return PairSource(texts, images, self.modality_dropout)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "FusionNetwork":
        from base_models.multimodal.fusion_network import FusionNetwork, FusionShape
        from base_models.textual.network import check_tokens, make_body
        from base_models.visual.network import check_size, make_classifier

        texts = make_body(self.text, pretrained, seed)
        check_tokens(texts, self.text, self.max_length)
        images = make_classifier(self.image, 0, pretrained, None, self.size, seed, self._preprocessing())
        image_width = check_size(images, self.image, self._preprocessing())
        shape = FusionShape(self.width, self.combine, self.heads, self.dropout, self.missing)
        return FusionNetwork(
            texts, images, image_width, outputs, shape, self.pooling, seed, self.image_rate, self.head_rate
        )

    def _warm_up(self, network: Any, examples: "Examples") -> TrainingInfo:
        from base_models.multimodal.pairs import PairExamples
        from base_models.visual.calibration import restore_folded
        from base_models.visual.pixels import ImageExamples

        assert isinstance(examples, PairExamples) and isinstance(examples.images, ImageExamples)
        has_images = self.pretrained and len(examples.images) > 0
        return restore_folded(network.images, examples.images) if has_images else {}

    def _preprocessing(self) -> "Preprocessing":
        from base_models.visual.network import preprocessing_of

        return preprocessing_of(self.image, self.size, None, None, None, None)
