"""What the learners that train a network share: one ladder from posts to probabilities, with four hooks to fill."""

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from base_models.neural.averaging import Average
from base_models.neural.hyperparameters import Training
from base_models.objectives.objective import Objective, objective_of, restored_objective
from ensemble.data import Dataset, Floats, Task
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext, TrainingInfo
from ensemble.predictions import Probabilities
from ensemble.system.files import read_json, write_json

if TYPE_CHECKING:
    from torch import nn

    from base_models.neural.sampling import Examples
    from base_models.neural.train_val_split import TrainValSplit
    from base_models.neural.training import Trained


class Source(Protocol):
    """How posts reach a network. What is computed once for all folds and tasks lies in the feature cache."""

    @property
    def views(self) -> int:
        """How many of a row are predicted."""
        ...

    def fill(self, data: Dataset) -> None:
        """Compute what the cache does not hold yet."""
        ...

    def read(self, data: Dataset) -> Dataset:
        """The posts with their texts as the network is to read them."""
        ...

    def known(self, data: Dataset) -> npt.NDArray[np.intp]:
        """The positions of the rows that have something for the network to look at."""
        ...

    def count(self, data: Dataset, read: Dataset) -> dict[str, int]:
        """For the job's record, of posts as they are and as they were ``read``."""
        ...

    def examples(self, read: Dataset, views: int, training: bool) -> "Examples":
        """What the network is fed with for rows that are ``known``; ``training`` may vary them."""
        ...


class NeuralLearner(ABC):
    """A network trained on the task. Heirs store their parameters and fill the hooks; ``_name`` is of the files that
    are saved, ``_counted`` of what the record counts.

    Rows with nothing to look at are not fitted on and get the class frequencies of the fit rows, or their median.
    """

    pretrained: bool
    training: Training
    average: Average = "log_probabilities"
    network_: "nn.Module | None" = None
    trained_: "Trained | None" = None
    objective_: Objective
    _name: ClassVar[str]
    _counted: ClassVar[str] = ""
    _fitted: Counter[str]
    _predicted: Counter[str]
    _info: TrainingInfo
    _folder: Path | None  # that the learner was loaded from
    _record: dict[str, Any]  # what is written there

    def __init__(self) -> None:
        self._cache = FeatureCache()
        self._context = TrainingContext()
        self._development: Dataset | None = None
        self._forget()

    # The hooks.

    @abstractmethod
    def _source(self) -> Source:
        """How posts reach the network."""

    @abstractmethod
    def _network(self, outputs: int, pretrained: bool, seed: int) -> "nn.Module":
        """The network with a new head, drawn from ``seed``; of a loaded learner, to be filled with saved weights."""

    def _warm_up(self, network: "nn.Module", examples: "Examples") -> TrainingInfo:
        """What a network needs to see of the fit rows before its training; what the job's record says of it."""
        return {}

    def _describe(self, folder: Path) -> dict[str, object]:
        """What ``save`` writes beside the objective's record, to be found in ``_record`` by a loaded learner. With
        ``"whole": False`` weights that were not trained are left out of the file."""
        return {}

    # The ladder.

    def set_context(self, context: TrainingContext) -> None:
        self._context = context

    def set_development(self, data: Dataset) -> None:
        """Take these rows instead of a share of the fit rows, where ``training.validation`` asks for one."""
        self._development = data

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Compute what the cache does not hold yet: tokens, decoded images, states."""
        self._cache = cache
        source = self._source()
        source.fill(source.read(data))

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        from base_models.neural.train_val_split import TrainValSplit
        from base_models.neural.training import train

        source, read = self._begin(data, task)
        training = self.objective_.settings(self.training, all(other.kind == task.kind for other in data.tasks))
        rows = source.known(read)
        if not len(rows):
            return
        read = read.take(rows)
        self.network_ = self._network(self.objective_.outputs, self.pretrained, seed)
        examples = source.examples(read, 1, training=True)
        self._info = self._warm_up(self.network_, examples)
        split = self._given_split(source, read, task) if training.validation else None
        if split is None:
            split = TrainValSplit.of(task, self.objective_, examples, read, training.validation, seed)
        self.trained_ = train(self.network_, split, training, seed, self._context)

    def predict_proba(self, data: Dataset) -> Probabilities:
        """(rows, classes)."""
        return self._predict(data)[0]

    def predict(self, data: Dataset) -> Floats:
        """(rows,) of numbers."""
        return self._predict(data)[0][:, 0]

    def training_info(self) -> TrainingInfo:
        info: TrainingInfo = {**({} if self.trained_ is None else self.trained_.info), **self._info}
        if self._counted:
            counts = {f"fit_{self._counted}": self._fitted, f"predicted_{self._counted}": self._predicted}
            info.update({name: dict(count) for name, count in counts.items()})  # type: ignore[typeddict-item]
        return info

    def curve(self) -> list[dict[str, float]]:
        return [] if self.trained_ is None else self.trained_.state.curve

    def save(self, folder: Path) -> None:
        """So that the folder is all that predicting needs, beside published weights that were not trained."""
        from base_models.neural.checkpoints import frozen_names, write_weights

        record = {**self.objective_.record(), **self._describe(folder)}
        write_json(folder / f"{self._name}.json", record)
        if self.network_ is not None:
            without = set() if record.get("whole", True) else frozen_names(self.network_)
            write_weights(folder / f"{self._name}.safetensors", self.network_, without)

    def load(self, folder: Path) -> None:
        from base_models.neural.checkpoints import load_trained

        self._forget()
        self.network_, self.trained_ = None, None
        record = read_json(folder / f"{self._name}.json")
        self.objective_ = restored_objective(record)
        weights = folder / f"{self._name}.safetensors"
        if weights.exists():
            self._folder, self._record = folder.resolve(), record
            self.network_ = self._network(self.objective_.outputs, not record.get("whole", True), 0)
            load_trained(self.network_, weights)

    def _begin(self, data: Dataset, task: Task) -> tuple[Source, Dataset]:
        """Forget what was fitted or loaded before; the labelled rows as the network reads them."""
        data = data.take(task.target.known(data.labels(task)))
        self._forget()
        self.network_, self.trained_ = None, None
        self.objective_ = objective_of(task, data.labels(task))
        source = self._source()
        read = source.read(data)
        self._fitted = Counter(source.count(data, read))
        return source, read

    def _given_split(self, source: Source, read: Dataset, task: Task) -> "TrainValSplit | None":
        """All fit rows to train on, the development part to say which epoch is best; None where there is none."""
        from base_models.neural.train_val_split import TrainValSplit

        if self._development is None:
            return None
        aside = source.read(self._development)
        aside = aside.take(source.known(aside))
        if not len(aside):
            return None
        both = replace(read, frame=pd.concat([read.frame, aside.frame], ignore_index=True))
        examples = source.examples(both, 1, training=True)
        return TrainValSplit.given(task, self.objective_, examples, both, len(read))

    def _predict(self, data: Dataset) -> tuple[Probabilities, Probabilities]:
        """(rows, columns) predictions, and their standard deviation over the views."""
        values = np.tile(self.objective_.usual, (len(data), 1))
        spread = np.zeros_like(values)
        source = self._source()
        read = source.read(data)
        self._predicted.update(source.count(data, read))
        known = source.known(read)
        if self.network_ is not None and len(known):
            logits = self._outputs(self.network_, source, read.take(known))
            values[known], spread[known] = self.objective_.predictions(logits, self.average)
        return values, spread

    def _outputs(self, network: "nn.Module", source: Source, read: Dataset) -> npt.NDArray[np.float32]:
        """(rows, outputs) or (rows, views, outputs) of a network that has been trained."""
        from base_models.neural.inference import predict_trained

        examples = source.examples(read, source.views, training=False)
        return predict_trained(network, examples, self.training, self._context, source.views)

    def _forget(self) -> None:
        self._fitted, self._predicted = Counter(), Counter()
        self._info = {}
        self._folder, self._record = None, {}
