"""Language models that see, as learners of drawn memes."""

from typing import Any

from base_models.vlm.parameters import VlmTraining
from base_models.vlm.vlm import Vlm
from ensemble.data import Dataset, Task
from support.world import SENTIMENT


def quick(model: str, train: str = "lora", training: dict[str, object] | None = None, **params: Any) -> Vlm:
    """Of one epoch and short prompts."""
    how = {"epochs": 1, "precision": "float32", **(training or {})}
    given = {"template": "{text}?", "max_length": 12, **params}
    return Vlm(model, train, training=VlmTraining.model_validate(how), **given)  # type: ignore[arg-type]


def fitted(learner: Vlm, data: Dataset, seed: int = 0, task: Task = SENTIMENT) -> Vlm:
    learner.fit(data, task, seed)
    return learner


def whole_posts(posts: Dataset, rows: int | None = 12) -> Dataset:
    """Posts that have a text and an image."""
    there = posts.take((posts.frame["text"].notna() & posts.frame["image_hash"].notna()).to_numpy())
    return there if rows is None else there.take(range(rows))


def without(data: Dataset, *kinds: str) -> Dataset:
    columns = {"text": ("text",), "image": ("image", "image_hash")}
    return Dataset(data.frame.assign(**{one: None for kind in kinds for one in columns[kind]}), data.root, data.tasks)


def trained_names(learner: Vlm) -> set[str]:
    assert learner.network_ is not None
    return {name for name, parameter in learner.network_.named_parameters() if parameter.requires_grad}
