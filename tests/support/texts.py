"""Posts that are only text, tokens without a tokenizer, and small text networks and learners."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from base_models.textual.finetuned import Textual, TextualTraining
from base_models.textual.head import HeadShape
from base_models.textual.loading import load_config
from base_models.textual.network import TextClassifier, make_body
from base_models.textual.pooling import Pooling
from base_models.textual.tokens import TokenExamples
from ensemble.data import Dataset
from support.networks import freeze_imports, one_core
from support.world import SENTIMENT

LINEAR = HeadShape(0, 0, 0, 0, None, 0.0)
FULL = HeadShape(1, 4, 4, 4, None, 0.0)


def said(texts: Sequence[str | None], labels: Sequence[str] = SENTIMENT.classes) -> Dataset:
    """A post per text, labelled in turn."""
    frame = pd.DataFrame({"id": [f"post{row}" for row in range(len(texts))], "text": list(texts)}, dtype=object)
    turns = [labels[row % len(labels)] for row in range(len(texts))]
    return Dataset(frame.assign(image=None, part="train", sentiment=turns), Path("."), (SENTIMENT,))


def small(model: str, **params: object) -> Textual:
    """A learner of one short epoch; ``training`` is a table."""
    quick = {"epochs": 1, "batch": 4, "validation": 0, "patience": 0, "precision": "float32"}
    training = TextualTraining.model_validate(quick | params.pop("training", {}))  # type: ignore[operator]
    widths = {"max_length": 16, "lstm_width": 4, "attention_width": 4, "hidden_width": 4}
    return Textual(model, training=training, **(widths | params))  # type: ignore[arg-type]


def fitted(learner: Textual, data: Dataset, seed: int = 0) -> Textual:
    freeze_imports()
    with one_core():
        learner.fit(data, SENTIMENT, seed)
    return learner


def predicted(learner: Textual, data: Dataset) -> np.ndarray:
    with one_core():
        return learner.predict_proba(data)


def tokens_of(lengths: Sequence[int], seed: int = 0, vocabulary: int = 20) -> TokenExamples:
    """Texts of so many random tokens."""
    random = np.random.default_rng(seed)
    return TokenExamples([np.array([length, *random.integers(5, vocabulary, length)]) for length in lengths], 0)


def network_of(
    folder: str, shape: HeadShape = FULL, layers: int | None = None, pooling: Pooling | None = None, **options: object
) -> TextClassifier:
    """A network of random weights as that folder describes it, ``layers`` high."""
    if layers is not None:
        config = load_config(folder)
        config.num_hidden_layers = layers
        folder = f"{folder}-{layers}"
        config.save_pretrained(folder)
    shape = HeadShape(**{**vars(shape), "pooling": pooling})
    return TextClassifier(make_body(folder, False, 0), 3, shape, 0, **options)  # type: ignore[arg-type]


def logits_of(network: TextClassifier, examples: TokenExamples, rows: Sequence[int]) -> torch.Tensor:
    with torch.inference_mode():
        return network.eval()(**examples.batch(rows))
