"""What the joint learners share: posts as pairs, one training, one file of weights, means over views."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from base_models.neural.hyperparameters import Training
from base_models.visual.views import COUNTS, Average, average_views
from base_models.weights import local_files
from ensemble.balance import smoothed_frequencies
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext
from ensemble.system.files import read_json, write_json

if TYPE_CHECKING:
    from torch import nn

    from base_models.multimodal.pairs import Images, PairExamples, Texts
    from base_models.neural.training import Trained
    from base_models.textual.tokens import TokenSource
    from base_models.visual.augmentation import Augmentation
    from base_models.visual.pixels import PixelSource
    from base_models.visual.views import Preprocessing

Probabilities = npt.NDArray[np.float64]
Missing = Literal["zeros", "learned"]
RECORD, WEIGHTS = "joint.json", "joint.safetensors"


class Joint(ABC):
    """A network over text and image. Heirs store their parameters, make the network and say how posts are read.

    Rows with one modality are fitted on and predicted like others, rows with none get the class frequencies.
    """

    pretrained: bool
    max_length: int
    views: int
    average: Average
    modality_dropout: float
    training: Training
    network_: "nn.Module | None"
    trained_: "Trained | None"

    def __init__(self) -> None:
        self._cache = FeatureCache()
        self._workspace = TrainingContext()
        self._fitted: dict[str, int] = {}
        self._predicted: Counter[str] = Counter()
        self._facts: dict[str, Any] = {}

    @abstractmethod
    def models(self) -> list[str]:
        """The hub names or local folders the network is made of."""

    @abstractmethod
    def _make(self, classes: int, pretrained: bool, seed: int) -> "nn.Module":
        """The network with a new head."""

    @abstractmethod
    def _how(self) -> "Preprocessing":
        """What the network wants of images."""

    @abstractmethod
    def _tokens(self) -> "TokenSource":
        """What the network wants of texts."""

    def _augmentation(self) -> "Augmentation | None":
        """How training images are varied; None trains on the crop that is predicted on."""
        return None

    def _warm(self, network: "nn.Module", examples: "PairExamples") -> dict[str, Any]:
        """What a network needs to see of the fit rows before its training; what the job's record says of it."""
        return {}

    def _read(self, data: Dataset) -> Dataset:
        """The posts with their texts as the network is to read them."""
        return data

    def _keep(self, data: Dataset) -> None:
        """Fill the cache with what stands for images."""
        self._pixels().fill(data)

    def _texts(self, data: Dataset) -> "Texts":
        """What the network is fed with for texts."""
        return self._tokens().of(data)

    def _images(self, data: Dataset, views: int, augmentation: "Augmentation | None") -> "Images":
        """What the network is fed with for images; every row has one."""
        from base_models.visual.pixels import ImageExamples

        return ImageExamples(self._pixels().of(data), self._how().size, views, augmentation)

    def _pixels(self) -> "PixelSource":
        from base_models.visual.pixels import PixelSource

        return PixelSource(self._how(), self.views, self._cache)

    def modalities(self) -> tuple[str, ...]:
        return ("text", "image")

    def sources(self) -> list[Path]:
        """The local files of weights and tokenizer."""
        return [path for model in dict.fromkeys(self.models()) for path in local_files(model)]

    def set_context(self, workspace: TrainingContext) -> None:
        self._workspace = workspace

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Tokenise every text and decode every image that the cache does not hold yet."""
        self._cache = cache
        data = self._read(data)
        if "text" in self.modalities():
            tokens = self._tokens()
            tokens.fill(data)
            tokens.warn_of_cut(data)
        self._keep(data)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        from base_models.neural.training import TrainValSplit, train

        seen = self._begin(data, task)
        if len(seen):
            self.network_ = self._make(len(task.classes), self.pretrained, seed)
            examples = self._pairs(seen, 1, self._augmentation(), self.modality_dropout)
            self._facts = self._warm(self.network_, examples)
            problem = TrainValSplit.of(task, examples, seen, self.training.validation, seed)
            self.trained_ = train(self.network_, problem, self.training, seed, self._workspace)

    def _begin(self, data: Dataset, task: Task) -> Dataset:
        """Forget what was fitted before; the labelled rows that have something to look at."""
        data = data.take(data.labels(task) >= 0)
        self.frequencies_ = smoothed_frequencies(data.labels(task), len(task.classes))
        self.network_, self.trained_ = None, None
        self._fitted, self._predicted, self._facts = _count(data), Counter(), {}
        return data.take(rows_with_any(data, self.modalities()))

    def predict_proba(self, data: Dataset) -> Probabilities:
        return self.predict_with_spread(data)[0]

    def predict_with_spread(self, data: Dataset) -> tuple[Probabilities, Probabilities]:
        """(rows, classes) probabilities, and their standard deviation over the views."""
        values = np.tile(self.frequencies_, (len(data), 1))
        spread = np.zeros_like(values)
        self._predicted.update(_count(data))
        known = rows_with_any(data, self.modalities())
        if self.network_ is not None and len(known):
            logits = self._ask(self.network_, data.take(known))
            values[known], spread[known] = average_views(logits, self.average)
        return values, spread

    def _ask(self, network: "nn.Module", data: Dataset) -> npt.NDArray[np.float32]:
        """(rows, views, outputs)."""
        from base_models.neural.inference import predict_trained

        pairs = self._pairs(data, self.views)
        return predict_trained(network, pairs, self.training, self._workspace, self.views)

    def facts(self) -> dict[str, Any]:
        posts = {"fit_posts": self._fitted, "predicted_posts": dict(self._predicted)}
        return {**({} if self.trained_ is None else self.trained_.facts), **self._facts, **posts}

    def curve(self) -> list[dict[str, float]]:
        return [] if self.trained_ is None else self.trained_.journal.curve

    def save(self, folder: Path) -> None:
        """What was trained; of a network that is not ``pretrained``, all."""
        from base_models.neural.checkpoints import frozen_names, write_weights

        left = frozen_names(self.network_) if self.network_ is not None and self.pretrained else set()
        write_json(folder / RECORD, {"frequencies": self.frequencies_.tolist(), "whole": not left})
        if self.network_ is not None:
            write_weights(folder / WEIGHTS, self.network_, left)

    def load(self, folder: Path) -> None:
        from base_models.neural.checkpoints import load_trained

        record = read_json(folder / RECORD)
        self.frequencies_ = np.array(record["frequencies"])
        self.network_, self.trained_ = None, None
        self._fitted, self._predicted, self._facts = {}, Counter(), {}
        if (folder / WEIGHTS).exists():
            self.network_ = self._make(len(self.frequencies_), not record["whole"], 0)
            load_trained(self.network_, folder / WEIGHTS)

    def _pairs(
        self, data: Dataset, views: int, augmentation: "Augmentation | None" = None, modality_dropout: float = 0.0
    ) -> "PairExamples":
        from base_models.multimodal.pairs import PairExamples

        data = self._read(data)
        has_text, has_image = present(data)
        images = self._images(data.take(has_image), views, augmentation)
        return PairExamples(self._texts(data), images, has_text, has_image, modality_dropout)


def present(data: Dataset) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(rows,) whether there is a text, and an image."""
    has_text = np.array([text is not None for text in data.texts], dtype=bool)
    return has_text, np.array([key is not None for key in data.image_hashes()], dtype=bool)


def rows_with_any(data: Dataset, modalities: Collection[str] = ("text", "image")) -> npt.NDArray[np.intp]:
    """The rows that have a text or an image, or that of the two which is looked at."""
    has_text, has_image = present(data)
    return np.flatnonzero((has_text & ("text" in modalities)) | (has_image & ("image" in modalities)))


def _count(data: Dataset) -> dict[str, int]:
    """What a job's record says of these rows."""
    has_text, has_image = present(data)
    return {"rows": len(data), "without_text": int((~has_text).sum()), "without_image": int((~has_image).sum())}


def check_joint(made: Joint, name: str, others: Mapping[str, bool]) -> None:
    """Raises LearnerError where a parameter that joint learners share, or one of ``others``, is wrong."""
    wrong = {
        f"views must be one of {list(COUNTS)}, got {made.views}": made.views not in COUNTS,
        f"max_length must be at least 4 tokens, got {made.max_length}": made.max_length < 4,
        f"modality_dropout must be between 0 and 1, got {made.modality_dropout}": not 0 <= made.modality_dropout <= 1,
        **others,
    }
    for reason, is_wrong in wrong.items():
        if is_wrong:
            raise LearnerError(f"{name}: {reason}.")


def wrong_crops(scale: tuple[float, float] | None, ratio: tuple[float, float], degrees: float) -> dict[str, bool]:
    """What may be wrong with the random crops a joint learner trains on, and whether it is."""
    low, high = scale or (1, 1)
    return {
        f"scale must be two shares of the area, the smaller first, got {scale}": not 0 < low <= high <= 1,
        f"ratio must be two positive numbers, the smaller first, got {ratio}": not 0 < ratio[0] <= ratio[1],
        f"degrees must be between 0 and 180, got {degrees}": not 0 <= degrees <= 180,
    }
