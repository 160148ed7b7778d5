"""What the joint learners share beside the ladder: they look at text and image, and save what was trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from base_models.neural.hyperparameters import Training
from base_models.neural.learner import NeuralLearner
from ensemble.data import Dataset
from ensemble.predictions import Probabilities
from ensemble.registry import validate

Settings = TypeVar("Settings", bound=Training)


class JointLearner(NeuralLearner):
    """A network over text and image.

    Rows with one modality are fitted on and predicted like others, rows with none get the class frequencies.
    """

    _name, _counted = "joint", "posts"

    def modalities(self) -> tuple[str, ...]:
        return ("text", "image")

    def predict_with_spread(self, data: Dataset) -> tuple[Probabilities, Probabilities]:
        return self._predict(data)

    def _describe(self, folder: Path) -> dict[str, object]:
        """Published weights that were not trained are not saved again; of a network of random ones, all are."""
        from base_models.neural.checkpoints import frozen_names

        return {"whole": self.network_ is None or not self.pretrained or not frozen_names(self.network_)}


def with_usual(kind: type[Settings], given: Settings | None, usual: Mapping[str, object], where: str) -> Settings:
    """What is not given as ``usual`` has it; raises ConfigError where what is given does not go with that."""
    set_ = {} if given is None else {name: getattr(given, name) for name in given.model_fields_set}
    made: Settings = validate(kind, {**usual, **set_}, where)
    return made
