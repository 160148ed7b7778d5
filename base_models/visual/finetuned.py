"""An image network trained on the task, predicting several views of each image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from base_models.neural.hyperparameters import BatchSize, Epochs, LearningRate, Momentum, Optimizer, Schedule, Training
from base_models.neural.learner import NeuralLearner
from base_models.parameters import CropRatio, Degrees, Pretrained, Scale, Size, ViewAverage, Views, meaning
from base_models.weights import checkpoint_file, local_files
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial
from ensemble.predictions import Probabilities

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from base_models.neural.learner import Source
    from base_models.neural.sampling import Examples
    from base_models.visual.network import ImageClassifier
    from base_models.visual.pixels import ImageSource
    from base_models.visual.views import Preprocessing

LEARNING_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)
Three = tuple[float, float, float]


def _positive(std: Three) -> Three:
    if min(std) <= 0:
        raise ValueError(f"must be three positive numbers, got {std}")
    return std


class VisualTraining(Training):
    """The defaults of the Modality Ensemble (SemEval-2020 task 8); its learning rates are the best of a grid."""

    epochs: Epochs = 100
    batch: BatchSize = 32
    optimizer: Optimizer = "sgd"
    lr: LearningRate = 1e-3
    momentum: Momentum = 0.95
    schedule: Schedule = "steps"


class Visual(NeuralLearner):
    """An image network, fine-tuned: any timm model by name, hub name or local folder, or "polynet".

    ``views`` crops of each image are averaged as ``average`` says, then renormalised (logits and log-probabilities
    give the same). Rows without an image are not fitted on and get the class frequencies of the fit rows.
    """

    _name = "visual"
    _export: "nn.Module | None"  # of the loaded network

    def __init__(
        self,
        model: Annotated[str, meaning("timm name, hub name, local folder, or polynet")],
        pretrained: Pretrained = True,
        checkpoint: Annotated[
            str | None, meaning("local file of weights to start from; not set: published ones")
        ] = None,
        views: Views = 10,
        average: ViewAverage = "log_probabilities",
        size: Size = None,
        mean: Annotated[Three | None, meaning("of each colour, 0 to 1; not set: the model's own")] = None,
        std: Annotated[
            Annotated[Three, AfterValidator(_positive)] | None,
            meaning("deviation of each colour, 0 to 1; not set: the model's own"),
        ] = None,
        interpolation: Annotated[
            Literal["nearest", "bilinear", "bicubic", "lanczos"] | None,
            meaning("how images are resized; not set: the model's own"),
        ] = None,
        crop_share: Annotated[
            float | None, Field(gt=0, le=1, description="of the shorter side a crop covers; not set: the model's own")
        ] = None,
        scale: Annotated[Scale, meaning("training crops' share of the area, smallest and largest")] = (0.08, 1.0),
        ratio: CropRatio = (3 / 4, 4 / 3),
        degrees: Degrees = 10.0,
        training: VisualTraining | None = None,
    ) -> None:
        super().__init__()
        if checkpoint is not None and not pretrained:
            raise LearnerError("visual: checkpoint names weights to start from; pretrained = false starts from none.")
        self.model = model
        self.pretrained = pretrained
        self.checkpoint = checkpoint
        self.views = views
        self.average = average
        self.size = size
        self.mean = mean
        self.std = std
        self.interpolation = interpolation
        self.crop_share = crop_share
        self.scale = scale
        self.ratio = ratio
        self.degrees = degrees
        self.training = training or VisualTraining()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """The fixed grid of the Modality Ensemble, all of which is tried."""
        return {"training": {"lr": trial.suggest_categorical("lr", LEARNING_RATES)}}

    def modalities(self) -> tuple[str, ...]:
        return ("image",)

    def sources(self) -> list[Path]:
        """The local files of weights."""
        return [*local_files(self.model), *([checkpoint_file(self.checkpoint)] if self.checkpoint else [])]

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        from base_models.visual.network import check_network

        check_network(self.model, self.pretrained and self.checkpoint is None)

    def predict_with_spread(self, data: Dataset) -> tuple[Probabilities, Probabilities]:
        return self._predict(data)

    def _source(self) -> "ImageSource":
        from base_models.visual.augmentation import Augmentation
        from base_models.visual.pixels import ImageSource, PixelSource

        preprocessing = self._preprocessing()
        augmentation = Augmentation(preprocessing, self.scale, self.ratio, self.degrees)
        return ImageSource(PixelSource(preprocessing, self.views, self._cache), augmentation)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "ImageClassifier":
        from base_models.visual.network import make_classifier

        preprocessing = self._preprocessing()
        return make_classifier(self.model, outputs, pretrained, self.checkpoint, self.size, seed, preprocessing)

    def _warm_up(self, network: Any, examples: "Examples") -> TrainingInfo:
        from base_models.visual.calibration import restore_folded
        from base_models.visual.network import check_size
        from base_models.visual.pixels import ImageExamples

        assert isinstance(examples, ImageExamples)
        check_size(network, self.model, self._preprocessing())
        return restore_folded(network, examples) if self.pretrained else {}

    def _outputs(self, network: "nn.Module", source: "Source", read: Dataset) -> "npt.NDArray[np.float32]":
        return super()._outputs(self._as_fast_as_may_be(network), source, read)

    def _as_fast_as_may_be(self, network: "nn.Module") -> "nn.Module":
        """The network, or what computes the same but for rounding where that is enough."""
        from base_models.neural.inference import device, half_precision
        from base_models.visual.exported import export_of

        where = device()
        if self._context.exact or not self._folder or where.type != "cpu":
            return network
        if half_precision(self.training.precision, where):  # an export would equal the network in 32 bits
            return network
        if self._export is None:
            self._export = export_of(network, self._preprocessing().size, self._folder / f"{self._name}.onnx")
        return self._export

    def _forget(self) -> None:
        super()._forget()
        self._export = None

    def _preprocessing(self) -> "Preprocessing":
        from base_models.visual.network import preprocessing_of

        return preprocessing_of(self.model, self.size, self.mean, self.std, self.interpolation, self.crop_share)
