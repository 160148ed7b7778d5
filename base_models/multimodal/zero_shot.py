"""Classes as sentences: what CLIP says of a post before it has learned anything of the task."""

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

import torch
from torch import nn
from torch.nn.functional import normalize

from base_models.multimodal.combination import side_by_side
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError, unknown

Said = TypeVar("Said")


class ZeroShot(nn.Module):
    """How like a post is to the sentence of each class. Nothing in it is trained.

    ``prompts`` are the sentences' embeddings times the temperature CLIP has learned.
    """

    def __init__(self, prompts: torch.Tensor, looked_at: Collection[str]) -> None:
        super().__init__()
        self.prompts: torch.Tensor
        self.looked_at: torch.Tensor
        self.register_buffer("prompts", prompts)
        flags = torch.tensor([name in looked_at for name in ("text", "image")])
        self.register_buffer("looked_at", flags, persistent=False)

    def forward(
        self, text: torch.Tensor, image: torch.Tensor, has_text: torch.Tensor, has_image: torch.Tensor
    ) -> torch.Tensor:
        """Logits of the mean, its length 1 again, of those embeddings that are there and looked at; shapes are a
        ClipHead's."""
        vectors, present = side_by_side(text, image, has_text, has_image)
        mean = (vectors * (present & self.looked_at)[..., None]).sum(dim=-2)
        return normalize(mean, dim=-1) @ self.prompts.T


def sentences_of(task: Task, data: Dataset, template: str, prompts: Mapping[str, str]) -> list[str]:
    """A sentence per class: the template around the class's words in ``prompts``, else around its name."""
    return [template.replace("{}", said) for said in said_of_classes("clip", task, data, prompts, str)]


def said_of_classes(
    learner: str, task: Task, data: Dataset, prompts: Mapping[str, Said], usual: Callable[[str], Said]
) -> list[Said]:
    """What ``prompts`` have for each class of a task; where nothing, the ``usual`` of its name in words.

    Keys are classes, or ``task.class`` where tasks share their classes' names. Raises LearnerError for a key that is
    neither.
    """
    tasks = {known.name: known for known in (*data.tasks, task)}.values()
    known = {key for other in tasks for name in other.classes for key in (name, f"{other.name}.{name}")}
    for key in prompts:
        if key not in known:
            raise LearnerError(f"{learner}: {unknown('class in prompts', key, known)}")
    plain = {name: usual(name.replace("_", " ")) for name in task.classes}
    return [prompts.get(f"{task.name}.{name}", prompts.get(name, plain[name])) for name in task.classes]
