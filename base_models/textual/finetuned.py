"""A text network trained on the task."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from base_models.neural.hyperparameters import (
    BatchSize,
    Clip,
    LearningRate,
    Optimizer,
    Patience,
    Training,
    Validation,
    Workers,
)
from base_models.neural.learner import NeuralLearner
from base_models.parameters import (
    Clean,
    Dropout,
    FrozenLayers,
    LayerDecay,
    Lower,
    MaxLength,
    Pretrained,
    Recompute,
    TextPooling,
    Translator,
    meaning,
)
from base_models.weights import check_available, local_files
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingInfo, Trial

if TYPE_CHECKING:
    from base_models.neural.sampling import Examples
    from base_models.textual.network import TextClassifier
    from base_models.textual.source import TextSource


class TextualTraining(Training):
    """The defaults of the Modality Ensemble (SemEval-2020 task 8); the paper tunes rate, batch and warm-up."""

    batch: BatchSize = 16
    optimizer: Optimizer = "adam"
    lr: LearningRate = 2e-5
    clip: Clip = 5.0
    validation: Validation = 0.1
    patience: Patience = 5
    workers: Workers = 0  # tokens are ready: another process only costs


class Textual(NeuralLearner):
    """A text network, fine-tuned: any Hugging Face encoder or decoder by hub name or local folder.

    Texts are cleaned, translated and lower-cased as asked for, and cut to ``max_length`` of the model's own tokens. On
    the token vectors stand a BiLSTM, dot-product attention, pooling, a hidden layer and the classes; where
    ``lstm_layers``, ``attention_width`` and ``hidden_width`` are 0, a plain linear head.
    Rows without a text are not fitted on and get the class frequencies of the fit rows.
    """

    _name, _counted = "textual", "texts"

    def __init__(
        self,
        model: Annotated[str, meaning("text network by hub name or local folder")],
        pretrained: Pretrained = True,
        lower: Lower = True,
        max_length: MaxLength = 128,
        lstm_layers: Annotated[int, Field(ge=0, le=2, description="layers of the BiLSTM; 0: none")] = 1,
        lstm_width: Annotated[int, Field(ge=0, description="units of the BiLSTM each way")] = 256,
        attention_width: Annotated[int, Field(ge=0, description="of the dot-product attention; 0: none")] = 256,
        pooling: TextPooling = None,
        hidden_width: Annotated[int, Field(ge=0, description="of the hidden layer; 0: none")] = 256,
        dropout: Dropout = 0.1,
        frozen_layers: FrozenLayers = None,
        layer_decay: LayerDecay = 1.0,
        recompute: Recompute = False,
        clean: Clean = False,
        translator: Translator = None,
        training: TextualTraining | None = None,
    ) -> None:
        super().__init__()
        if lstm_layers and not lstm_width:
            raise LearnerError("textual: lstm_width must be at least 1 where there is an LSTM, got 0.")
        self.model = model
        self.pretrained = pretrained
        self.lower = lower
        self.max_length = max_length
        self.lstm_layers = lstm_layers
        self.lstm_width = lstm_width
        self.attention_width = attention_width
        self.pooling = pooling
        self.hidden_width = hidden_width
        self.dropout = dropout
        self.frozen_layers = frozen_layers
        self.layer_decay = layer_decay
        self.recompute = recompute
        self.clean = clean
        self.translator = translator
        self.training = training or TextualTraining()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, object]:
        """Table 5b of the Modality Ensemble; pooling goes with the model there."""
        widths = [256, 512, 1024]
        return {
            "lstm_layers": trial.suggest_int("lstm_layers", 1, 2),
            "lstm_width": trial.suggest_categorical("lstm_width", widths),
            "attention_width": trial.suggest_categorical("attention_width", widths),
            "hidden_width": trial.suggest_categorical("hidden_width", widths),
            "dropout": trial.suggest_float("dropout", 0.0, 0.3),
            "training": {
                "lr": trial.suggest_float("lr", 1e-6, 3e-4, log=True),
                "batch": trial.suggest_categorical("batch", [1, 2, 4, 8, 16]),
                "warmup": trial.suggest_categorical("warmup", [0.0, 1.0]),
            },
        }

    def modalities(self) -> tuple[str, ...]:
        return ("text",)

    def sources(self) -> list[Path]:
        """The local files of weights and tokenizer, and of the translator."""
        return [path for model in (self.model, self.translator) if model is not None for path in local_files(model)]

    def check_models(self, data: Dataset, cache: FeatureCache) -> None:
        for model in filter(None, (self.model, self.translator)):
            check_available(model)

    @property
    def _described(self) -> str:
        """Where configuration and tokenizer are: a saved model has its own."""
        return self.model if self._folder is None else str(self._folder)

    def _source(self) -> "TextSource":
        from base_models.textual.source import TextSource
        from base_models.textual.tokens import TokenSource

        tokens = TokenSource(self._described, self.lower, self.max_length, self._cache)
        return TextSource(tokens, self.clean, self.translator)

    def _network(self, outputs: int, pretrained: bool, seed: int) -> "TextClassifier":
        from base_models.textual.head import HeadShape
        from base_models.textual.network import TextClassifier, check_tokens, make_body

        body = make_body(self._described, pretrained, seed)
        check_tokens(body, self._described, self.max_length)
        pooling = self._record.get("pooling", self.pooling)
        shape = HeadShape(
            self.lstm_layers, self.lstm_width, self.attention_width, self.hidden_width, pooling, self.dropout
        )
        return TextClassifier(body, outputs, shape, seed, self.frozen_layers, self.layer_decay, self.recompute)

    def _warm_up(self, network: Any, examples: "Examples") -> TrainingInfo:
        return {"pooling": network.head.pooling}

    def _describe(self, folder: Path) -> dict[str, object]:
        """Configuration and tokenizer, too, so that the folder is all that predicting needs."""
        from base_models.textual.loading import save_description

        network: Any = self.network_
        if network is None:
            return {"pooling": None}
        save_description(folder, network.body.config, self._described)
        return {"pooling": network.head.pooling}
