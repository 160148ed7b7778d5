"""An image network trained on the task, predicting several views of each image."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from base_models.neural.hyperparameters import Training
from base_models.visual.views import COUNTS, Average, average_views
from base_models.weights import checkpoint_file, local_files
from ensemble.balance import smoothed_frequencies
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext, Trial
from ensemble.system.files import read_json, write_json

if TYPE_CHECKING:
    from base_models.visual.augmentation import Augmentation
    from base_models.visual.network import ImageClassifier
    from base_models.visual.pixels import ImageExamples, PixelSource
    from base_models.visual.views import Preprocessing

Probabilities = npt.NDArray[np.float64]
LEARNING_RATES = (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2)


class VisualTraining(Training):
    """The defaults of the Modality Ensemble (SemEval-2020 task 8); its learning rates are the best of a grid."""

    epochs: int = Field(default=100, ge=1)
    batch: int = Field(default=32, ge=1)
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    lr: float = Field(default=1e-3, gt=0)
    momentum: float = Field(default=0.95, ge=0, lt=1)
    schedule: Literal["constant", "steps", "linear", "cosine"] = "steps"


class Visual:
    """An image network, fine-tuned: any timm model by name, hub name or local folder, or "polynet".

    ``checkpoint`` is a local file of weights to start from, ``pretrained = false`` starts from random ones. ``views``
    1, 2, 5 or 10 crops of each image are averaged as ``average`` says, then renormalised (logits and log-probabilities
    give the same). ``size`` in pixels, ``mean``, ``std``, ``interpolation`` and ``crop_share`` are the model's own
    where not set. Training views cover ``scale`` of an image's area at ``ratio`` width by height, turned by up to
    ``degrees``.
    Rows without an image are not fitted on and get the class frequencies of the fit rows.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool = True,
        checkpoint: str | None = None,
        views: int = 10,
        average: Average = "log_probabilities",
        size: int | None = None,
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] | None = None,
        crop_share: float | None = None,
        scale: tuple[float, float] = (0.08, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        degrees: float = 10.0,
        training: VisualTraining | None = None,
    ) -> None:
        _check(views, size, crop_share, scale, ratio, degrees, std)
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
        self._cache = FeatureCache()
        self._workspace = TrainingContext()
        self._facts: dict[str, Any] = {}

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
        """The fixed grid of the Modality Ensemble, all of which is tried."""
        return {"training": {"lr": trial.suggest_categorical("lr", LEARNING_RATES)}}

    def modalities(self) -> tuple[str, ...]:
        return ("image",)

    def sources(self) -> list[Path]:
        """The local files of weights."""
        return [*local_files(self.model), *([checkpoint_file(self.checkpoint)] if self.checkpoint else [])]

    def set_context(self, workspace: TrainingContext) -> None:
        self._workspace = workspace

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Decode and resize every image that the cache does not hold yet."""
        self._cache = cache
        self._source().fill(data)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        from base_models.neural.training import TrainValSplit, train
        from base_models.visual.augmentation import Augmentation
        from base_models.visual.calibration import restore_folded
        from base_models.visual.network import check_size

        data = data.take(data.labels(task) >= 0)
        self.frequencies_ = smoothed_frequencies(data.labels(task), len(task.classes))
        self.network_, self.trained_ = None, None
        seen = data.take([key is not None for key in data.image_hashes()])
        if len(seen):
            self.network_ = self._make(len(task.classes), self.pretrained, seed)
            check_size(self.network_, self.model, self._how())
            augmentation = Augmentation(self._how(), self.scale, self.ratio, self.degrees)
            examples = self._examples(seen, 1, augmentation)
            self._facts = restore_folded(self.network_, examples) if self.pretrained else {}
            problem = TrainValSplit.of(task, examples, seen, self.training.validation, seed)
            self.trained_ = train(self.network_, problem, self.training, seed, self._workspace)

    def predict_proba(self, data: Dataset) -> Probabilities:
        return self.predict_with_spread(data)[0]

    def predict_with_spread(self, data: Dataset) -> tuple[Probabilities, Probabilities]:
        """(rows, classes) probabilities, and their standard deviation over the views, 0 without an image."""
        values = np.tile(self.frequencies_, (len(data), 1))
        spread = np.zeros_like(values)
        known = np.flatnonzero([key is not None for key in data.image_hashes()])
        if self.network_ is not None and len(known):
            values[known], spread[known] = average_views(self._logits(data.take(known)), self.average)
        return values, spread

    def _logits(self, data: Dataset) -> npt.NDArray[np.float32]:
        """(rows, views, classes)."""
        from base_models.neural.inference import predict_trained

        assert self.network_ is not None
        examples = self._examples(data, self.views)
        return predict_trained(self.network_, examples, self.training, self._workspace, self.views)

    def facts(self) -> dict[str, Any]:
        return {} if self.trained_ is None else {**self.trained_.facts, **self._facts}

    def curve(self) -> list[dict[str, float]]:
        return [] if self.trained_ is None else self.trained_.journal.curve

    def save(self, folder: Path) -> None:
        from base_models.neural.checkpoints import write_weights

        write_json(folder / "visual.json", {"frequencies": self.frequencies_.tolist()})
        if self.network_ is not None:
            write_weights(folder / "visual.safetensors", self.network_)

    def load(self, folder: Path) -> None:
        from safetensors.torch import load_file

        self.frequencies_ = np.array(read_json(folder / "visual.json")["frequencies"])
        self.network_, self.trained_ = None, None
        if (folder / "visual.safetensors").exists():
            self.network_ = self._make(len(self.frequencies_), False, 0)
            self.network_.load_state_dict(load_file(folder / "visual.safetensors"))

    def _make(self, classes: int, pretrained: bool, seed: int) -> "ImageClassifier":
        from base_models.visual.network import make_classifier

        return make_classifier(self.model, classes, pretrained, self.checkpoint, self.size, seed, self._how())

    def _how(self) -> "Preprocessing":
        from base_models.visual.network import preprocessing

        return preprocessing(self.model, self.size, self.mean, self.std, self.interpolation, self.crop_share)

    def _source(self) -> "PixelSource":
        from base_models.visual.pixels import PixelSource

        return PixelSource(self._how(), self.views, self._cache)

    def _examples(self, data: Dataset, views: int, augmentation: "Augmentation | None" = None) -> "ImageExamples":
        from base_models.visual.pixels import ImageExamples

        return ImageExamples(self._source().of(data), self._how().size, views, augmentation)


def _check(
    views: int,
    size: int | None,
    crop_share: float | None,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    degrees: float,
    std: tuple[float, float, float] | None,
) -> None:
    wrong = {
        f"views must be one of {list(COUNTS)}, got {views}": views not in COUNTS,
        f"size must be at least 32 pixels, got {size}": size is not None and size < 32,
        f"crop_share must be in (0, 1], got {crop_share}": crop_share is not None and not 0 < crop_share <= 1,
        f"scale must be two shares of the area, the smaller first, got {scale}": not 0 < scale[0] <= scale[1] <= 1,
        f"ratio must be two positive numbers, the smaller first, got {ratio}": not 0 < ratio[0] <= ratio[1],
        f"degrees must be between 0 and 180, got {degrees}": not 0 <= degrees <= 180,
        f"std must be three positive numbers, got {std}": std is not None and min(std) <= 0,
    }
    for reason, is_wrong in wrong.items():
        if is_wrong:
            raise LearnerError(f"visual: {reason}.")
