"""A text network trained on the task."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.special import softmax

from base_models.neural.hyperparameters import Training
from base_models.textual.pooling import Pooling
from base_models.weights import local_files
from ensemble.balance import smoothed_frequencies
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext, Trial
from ensemble.system.files import read_json, write_json

if TYPE_CHECKING:
    from base_models.textual.network import TextClassifier
    from base_models.textual.tokens import TokenSource

Probabilities = npt.NDArray[np.float64]


class TextualTraining(Training):
    """The defaults of the Modality Ensemble (SemEval-2020 task 8); the paper tunes rate, batch and warm-up."""

    batch: int = Field(default=16, ge=1)
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    lr: float = Field(default=2e-5, gt=0)
    clip: float | None = Field(default=5.0, ge=0)
    validation: float = Field(default=0.1, ge=0, lt=1)
    patience: int | None = Field(default=5, ge=0)
    workers: int | None = Field(default=0, ge=0, exclude=True)  # tokens are ready: another process only costs


class Textual:
    """A text network, fine-tuned: any Hugging Face encoder or decoder by hub name or local folder.

    Texts are freed of links, names and marks where ``clean``; those not in English are translated where a
    ``translator`` is set (a model by hub name or local folder, such as Helsinki-NLP/opus-mt-mul-en). They are
    lower-cased where ``lower``, and cut to ``max_length`` of the model's own tokens. On the token vectors
    stand a BiLSTM of ``lstm_layers`` (0: none) with ``lstm_width`` units each way, dot-product attention of
    ``attention_width`` (0: none), ``pooling`` (not set: the first token for BERT, the last for GPT-2 and XLNet, the
    maximum for Transformer-XL, the mean for others), a layer of ``hidden_width`` (0: none) and the classes; all 0 is a
    plain linear head. ``frozen_layers`` lowest layers and the embeddings stay as they are (not set: all are trained);
    each layer learns at ``layer_decay`` times the rate of the one above it. ``recompute`` halves the memory of training
    for a third more time. ``pretrained = false`` starts from random weights.
    Rows without a text are not fitted on and get the class frequencies of the fit rows.
    """

    def __init__(
        self,
        model: str,
        pretrained: bool = True,
        lower: bool = True,
        max_length: int = 128,
        lstm_layers: int = 1,
        lstm_width: int = 256,
        attention_width: int = 256,
        pooling: Pooling | None = None,
        hidden_width: int = 256,
        dropout: float = 0.1,
        frozen_layers: int | None = None,
        layer_decay: float = 1.0,
        recompute: bool = False,
        clean: bool = False,
        translator: str | None = None,
        training: TextualTraining | None = None,
    ) -> None:
        widths = (lstm_width, attention_width, hidden_width)
        _check(max_length, lstm_layers, widths, dropout, frozen_layers, layer_decay)
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
        self._cache = FeatureCache()
        self._workspace = TrainingContext()
        self._fitted: Counter[str] = Counter()
        self._predicted: Counter[str] = Counter()

    @staticmethod
    def search_space(trial: Trial) -> dict[str, Any]:
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

    def set_context(self, workspace: TrainingContext) -> None:
        self._workspace = workspace

    def prepare(self, data: Dataset, cache: FeatureCache) -> None:
        """Translate and tokenise every text that the cache does not hold yet."""
        self._cache = cache
        data, _ = self._read(data)
        tokens = self._tokens(getattr(self, "tokenizer_", self.model))
        tokens.fill(data)
        tokens.warn_of_cut(data)

    def fit(self, data: Dataset, task: Task, seed: int) -> None:
        from base_models.neural.training import TrainValSplit, train
        from base_models.textual.tokens import count_texts

        data, translated = self._read(data.take(data.labels(task) >= 0))
        self.frequencies_ = smoothed_frequencies(data.labels(task), len(task.classes))
        self.network_, self.trained_ = None, None
        self.tokenizer_ = self.model
        self._predicted.clear()
        seen = data.take([text is not None for text in data.texts])
        examples = self._tokens(self.model).of(seen) if len(seen) else None
        self._fitted = Counter({**count_texts(data, examples), **translated})
        if examples is not None:
            self.network_ = self._make(self.model, len(task.classes), self.pretrained, seed, self.pooling)
            problem = TrainValSplit.of(task, examples, seen, self.training.validation, seed)
            self.trained_ = train(self.network_, problem, self.training, seed, self._workspace)

    def predict_proba(self, data: Dataset) -> Probabilities:
        from base_models.neural.inference import predict_trained
        from base_models.textual.tokens import count_texts

        data, translated = self._read(data)
        values = np.tile(self.frequencies_, (len(data), 1))
        known = np.flatnonzero([text is not None for text in data.texts])
        examples = self._tokens(self.tokenizer_).of(data.take(known)) if len(known) else None
        self._predicted.update({**count_texts(data, examples), **translated})
        if self.network_ is not None and examples is not None:
            logits = predict_trained(self.network_, examples, self.training, self._workspace)
            values[known] = softmax(logits.astype(np.float64), axis=1)
        return values

    def facts(self) -> dict[str, Any]:
        texts = {"fit_texts": dict(self._fitted), "predicted_texts": dict(self._predicted)}
        if self.network_ is None or self.trained_ is None:
            return texts
        return {**self.trained_.facts, "pooling": self.network_.head.pooling, **texts}

    def curve(self) -> list[dict[str, float]]:
        return [] if self.trained_ is None else self.trained_.journal.curve

    def save(self, folder: Path) -> None:
        """With configuration and tokenizer, so that the folder is all that predicting needs."""
        from base_models.neural.checkpoints import write_weights
        from base_models.textual.loading import RECORD, save_description

        pooling = None if self.network_ is None else self.network_.head.pooling
        write_json(folder / RECORD, {"frequencies": self.frequencies_.tolist(), "pooling": pooling})
        if self.network_ is not None:
            save_description(folder, self.network_.body.config, self.tokenizer_)
            write_weights(folder / "textual.safetensors", self.network_)

    def load(self, folder: Path) -> None:
        from safetensors.torch import load_file

        from base_models.textual.loading import RECORD

        saved = read_json(folder / RECORD)
        self.frequencies_ = np.array(saved["frequencies"])
        self.network_, self.trained_, self.tokenizer_ = None, None, self.model
        self._fitted, self._predicted = Counter(), Counter()
        if (folder / "textual.safetensors").exists():
            self.tokenizer_ = str(folder.resolve())
            self.network_ = self._make(self.tokenizer_, len(self.frequencies_), False, 0, saved["pooling"])
            self.network_.load_state_dict(load_file(folder / "textual.safetensors"))

    def _make(self, model: str, classes: int, pretrained: bool, seed: int, pooling: Pooling | None) -> "TextClassifier":
        from base_models.textual.head import HeadShape
        from base_models.textual.network import TextClassifier, check_tokens, make_body

        body = make_body(model, pretrained, seed)
        check_tokens(body, model, self.max_length)
        shape = HeadShape(
            self.lstm_layers, self.lstm_width, self.attention_width, self.hidden_width, pooling, self.dropout
        )
        return TextClassifier(body, classes, shape, seed, self.frozen_layers, self.layer_decay, self.recompute)

    def _read(self, data: Dataset) -> tuple[Dataset, dict[str, int]]:
        """The posts with the texts the network sees, and what to record of that."""
        from base_models.textual.reading import count_foreign, read_texts

        translated = {} if self.translator is None else {"translated": count_foreign(data)}
        return read_texts(data, self.clean, self.translator, self._cache), translated

    def _tokens(self, model: str) -> "TokenSource":
        from base_models.textual.tokens import TokenSource

        return TokenSource(model, self.lower, self.max_length, self._cache)


def _check(
    max_length: int,
    lstm_layers: int,
    widths: tuple[int, ...],
    dropout: float,
    frozen_layers: int | None,
    layer_decay: float,
) -> None:
    wrong = {
        f"max_length must be at least 4 tokens, got {max_length}": max_length < 4,
        f"lstm_layers must be 0, 1 or 2, got {lstm_layers}": lstm_layers not in (0, 1, 2),
        f"lstm_width must be at least 1 where there is an LSTM, got {widths[0]}": lstm_layers > 0 and widths[0] < 1,
        f"attention_width and hidden_width must be 0 (none) or more, got {widths[1:]}": min(widths[1:]) < 0,
        f"dropout must be in [0, 1), got {dropout}": not 0 <= dropout < 1,
        f"frozen_layers must be 0 (the embeddings) or more, got {frozen_layers}": (frozen_layers or 0) < 0,
        f"layer_decay must be in (0, 1], got {layer_decay}": not 0 < layer_decay <= 1,
    }
    for reason, is_wrong in wrong.items():
        if is_wrong:
            raise LearnerError(f"textual: {reason}.")
