"""FLAVA: its multimodal encoder trained on the task, its encoders of texts and images as they are, or trained too."""

import logging
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from base_models.multimodal.heads import Head
from base_models.multimodal.joint import Joint, Missing, check_joint
from base_models.neural.hyperparameters import Training
from base_models.visual.views import Average
from ensemble.data import Dataset
from ensemble.learner import Trial

if TYPE_CHECKING:
    from base_models.multimodal.flava_network import FlavaEncoders, FlavaNetwork
    from base_models.multimodal.pairs import Images, Texts
    from base_models.multimodal.states import StateSource
    from base_models.textual.tokens import TokenSource
    from base_models.visual.augmentation import Augmentation
    from base_models.visual.views import Preprocessing

log = logging.getLogger("ensemble")


class FlavaTraining(Training):
    """As published, but for the rows that early stopping looks at: a tenth of the fit rows, never the reported ones.

    The paper names no patience. ``resample = 0`` leaves the classes as they are and weights the loss instead.
    """

    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=32, ge=1)
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    resample: float = Field(default=1.9, ge=0)
    validation: float = Field(default=0.1, ge=0, lt=1)
    patience: int | None = Field(default=3, ge=0)


class Flava(Joint):
    """FLAVA, its multimodal encoder fine-tuned: any FLAVA model by hub name or local folder, such as
    facebook/flava-full.

    The encoders of texts and images are not trained where ``frozen``; then every text and image is encoded once.
    ``head`` has one to three layers on the first, global token, or attends to all tokens. A missing modality is tokens
    of zeros, as published, or of a ``learned`` vector; ``modality_dropout`` is the share of training rows that lose
    one. Texts are cleaned where ``clean``, translated to English by the model ``translator`` where one is given,
    lower-cased where ``lower``, and cut to ``max_length`` tokens. Images are resized and cropped as the model's own
    file says (FLAVA's are squashed to a square); ``views`` 1, 2, 5 or 10 crops are averaged as ``average`` says.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool = True,
        frozen: bool = True,
        head: Head = "three_layers",
        dropout: float = 0.3,
        missing: Missing = "zeros",
        modality_dropout: float = 0.0,
        clean: bool = True,
        translator: str | None = None,
        lower: bool = True,
        max_length: int = 128,
        views: int = 1,
        average: Average = "log_probabilities",
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
        check_joint(self, "flava", {f"dropout must be in [0, 1), got {dropout}": not 0 <= dropout < 1})

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
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

    def models(self) -> list[str]:
        return [self.model, *([self.translator] if self.translator else [])]

    def _make(self, classes: int, pretrained: bool, seed: int) -> "FlavaNetwork":
        from base_models.multimodal.flava_network import FlavaNetwork, FlavaShape, make_flava

        body = make_flava(self.model, pretrained, self.max_length, seed)
        shape = FlavaShape(self.head, self.dropout, self.missing, self.frozen)
        return FlavaNetwork(body, self.model, self._how(), classes, shape, seed)

    def _read(self, data: Dataset) -> Dataset:
        from base_models.textual.reading import read_texts

        return read_texts(data, self.clean, self.translator, self._cache)

    def _keep(self, data: Dataset) -> None:
        """States of tokens, where they are the same for all folds and find room; decoded images otherwise."""
        if self._encoded_once:
            if self._states().fill(data):
                return
            log.warning(
                "The image cache is full (run.image_bytes = %s): FLAVA's encoders run anew in every epoch.",
                f"{self._cache.image_bytes:,}",
            )
        super()._keep(data)

    def _texts(self, data: Dataset) -> "Texts":
        states = self._states().texts(data) if self._encoded_once else None
        return super()._texts(data) if states is None else states

    def _images(self, data: Dataset, views: int, augmentation: "Augmentation | None") -> "Images":
        states = self._states().images(data, views) if self._encoded_once else None
        return super()._images(data, views, augmentation) if states is None else states

    @property
    def _encoded_once(self) -> bool:
        return self.frozen and self.pretrained

    def _states(self) -> "StateSource":
        from base_models.multimodal.states import StateSource

        return StateSource(self.model, self._load_encoders, self._tokens(), self._pixels(), self._cache)

    def _load_encoders(self) -> "FlavaEncoders":
        from base_models.multimodal.flava_network import FlavaEncoders, make_flava

        return FlavaEncoders(make_flava(self.model, True, self.max_length, 0), self._how(), frozen=True)

    def _how(self) -> "Preprocessing":
        from base_models.multimodal.preprocessing import image_preprocessing

        return image_preprocessing(self.model)

    def _tokens(self) -> "TokenSource":
        from base_models.textual.tokens import TokenSource

        return TokenSource(self.model, self.lower, self.max_length, self._cache)
