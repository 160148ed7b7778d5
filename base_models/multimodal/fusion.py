"""A text network and an image network tuned by one loss."""

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from base_models.multimodal.combination import Combine
from base_models.multimodal.joint import Joint, Missing, check_joint, wrong_crops
from base_models.neural.hyperparameters import Training
from base_models.textual.pooling import Pooling
from base_models.visual.views import Average
from ensemble.data import Dataset
from ensemble.learner import Trial

if TYPE_CHECKING:
    from torch import nn

    from base_models.multimodal.fusion_network import FusionNetwork
    from base_models.multimodal.pairs import PairExamples
    from base_models.textual.tokens import TokenSource
    from base_models.visual.augmentation import Augmentation
    from base_models.visual.views import Preprocessing


class FusionTraining(Training):
    """Stopping as published: on the training loss, after at least three epochs."""

    epochs: int = Field(default=20, ge=1)
    lr: float = Field(default=2e-5, gt=0)
    balance: float = Field(default=0.0, ge=0, le=1)
    stop_on: Literal["metric", "loss", "training_loss"] = "training_loss"
    patience: int | None = Field(default=1, ge=0)
    min_epochs: int = Field(default=3, ge=0)


class Fusion(Joint):
    """Joint fine-tuning: a text network and an image network under attention, tuned by one loss.

    ``image`` is any timm model by name, hub name or local folder, ``text`` any Hugging Face encoder or decoder. Each
    is projected to a token of ``width``. ``combine`` "attention" (of ``heads``) lets the two attend to each other,
    "gate" sums them by a learned gate per dimension, "concatenation" puts a hidden layer over both; the weights of
    text and image in the first two are kept per row. A missing modality is a token of zeros, or a ``learned`` one;
    ``modality_dropout`` is the share of training rows that lose one. The image network learns at ``image_rate`` times
    the rate of the text network, the head at ``head_rate`` times. Texts are read and pooled as by ``textual``, images
    as by ``visual``; ``scale`` (a share of the area, smallest and largest) trains on random crops.
    """

    def __init__(
        self,
        image: str,
        text: str,
        pretrained: bool = True,
        combine: Combine = "attention",
        width: int = 128,
        heads: int = 4,
        dropout: float = 0.1,
        missing: Missing = "zeros",
        modality_dropout: float = 0.0,
        lower: bool = False,
        max_length: int = 128,
        pooling: Pooling | None = None,
        size: int | None = None,
        views: int = 1,
        average: Average = "log_probabilities",
        scale: tuple[float, float] | None = None,
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        degrees: float = 0.0,
        image_rate: float = 1.0,
        head_rate: float = 1.0,
        training: FusionTraining | None = None,
    ) -> None:
        super().__init__()
        self.image = image
        self.text = text
        self.pretrained = pretrained
        self.combine = combine
        self.width = width
        self.heads = heads
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
        check_joint(self, "fusion", _wrong(self))

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
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

    def models(self) -> list[str]:
        return [self.image, self.text]

    def modality_weights(self, data: Dataset) -> npt.NDArray[np.float64] | None:
        """(rows, 2) weights of text and image, the mean over views: of what is there, 1 in all. NaN where a row has
        neither, None where the combination has no weights. They say what the network looked at, not why it decided."""
        from base_models.multimodal.fusion_network import FusionNetwork, Weights
        from base_models.multimodal.joint import present, rows_with_any

        if self.combine == "concatenation":
            return None
        weights = np.full((len(data), 2), np.nan)
        known = rows_with_any(data)
        if isinstance(self.network_, FusionNetwork) and len(known):
            seen = data.take(known)
            found = self._ask(Weights(self.network_), seen).mean(axis=1) * np.stack(present(seen), axis=1)
            weights[known] = found / found.sum(axis=1, keepdims=True)
        return weights

    def _make(self, classes: int, pretrained: bool, seed: int) -> "FusionNetwork":
        from base_models.multimodal.fusion_network import FusionNetwork, FusionShape
        from base_models.textual.network import check_tokens, make_body
        from base_models.visual.network import check_size, make_classifier

        texts = make_body(self.text, pretrained, seed)
        check_tokens(texts, self.text, self.max_length)
        images = make_classifier(self.image, 0, pretrained, None, self.size, seed, self._how())
        image_width = check_size(images, self.image, self._how())
        shape = FusionShape(self.width, self.combine, self.heads, self.dropout, self.missing)
        return FusionNetwork(
            texts, images, image_width, classes, shape, self.pooling, seed, self.image_rate, self.head_rate
        )

    def _warm(self, network: "nn.Module", examples: "PairExamples") -> dict[str, Any]:
        from base_models.multimodal.fusion_network import FusionNetwork
        from base_models.visual.calibration import restore_folded
        from base_models.visual.pixels import ImageExamples

        images = examples.images
        assert isinstance(network, FusionNetwork) and isinstance(images, ImageExamples)
        return restore_folded(network.images, images) if self.pretrained and len(images) else {}

    def _how(self) -> "Preprocessing":
        from base_models.visual.network import preprocessing

        return preprocessing(self.image, self.size, None, None, None, None)

    def _tokens(self) -> "TokenSource":
        from base_models.textual.tokens import TokenSource

        return TokenSource(self.text, self.lower, self.max_length, self._cache)

    def _augmentation(self) -> "Augmentation | None":
        from base_models.visual.augmentation import Augmentation

        return None if self.scale is None else Augmentation(self._how(), self.scale, self.ratio, self.degrees)


def _wrong(made: Fusion) -> dict[str, bool]:
    """What may be wrong with the parameters, and whether it is."""
    rates = (made.image_rate, made.head_rate)
    return {
        f"width must be at least 1 and a multiple of heads = {made.heads}, got {made.width}": made.heads < 1
        or made.width < 1
        or made.width % made.heads > 0,
        f"dropout must be in [0, 1), got {made.dropout}": not 0 <= made.dropout < 1,
        f"size must be at least 32 pixels, got {made.size}": made.size is not None and made.size < 32,
        **wrong_crops(made.scale, made.ratio, made.degrees),
        f"image_rate and head_rate must be above 0, got {rates}": min(rates) <= 0,
    }
