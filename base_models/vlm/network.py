"""A body with what answers for it: prompts and images to classes or numbers."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from base_models.neural.inference import device, predict_logits
from base_models.neural.optimization import ParameterGroup
from base_models.vlm.body import LANGUAGE, Body
from base_models.vlm.examples import PromptSource
from base_models.vlm.heads import PooledHead
from base_models.vlm.vision_states import frozen_states
from base_models.vlm.words import PromptBatch, Words
from ensemble.data import Dataset

NOTHING = ["N/A", "", "[MASK]"]  # content-free texts


class VlmNetwork(nn.Module):
    """Prompts to (rows, outputs): log-likelihoods of classes' words, or what a head gives.

    The head learns at ``head_rate`` times the rate. Where the tower that sees is ``frozen`` no gradient passes it.
    ``pictures`` (images, height, width, 3) uint8 are those of examples, which any row may be shown.
    """

    def __init__(
        self, body: Body, answer: Words | PooledHead, head_rate: float, frozen: bool, pictures: torch.Tensor
    ) -> None:
        super().__init__()
        self.body = body
        self.answer = answer
        self.head_rate = head_rate
        self.frozen = frozen
        if isinstance(answer, PooledHead):
            _leave_out_words(body.model)
        seeing = body.parameters_of([part for part in body.parts() if part != LANGUAGE]).values()
        self.sparse = any(parameter.requires_grad for parameter in seeing)  # a batch without an image leaves them out
        self.pictures: torch.Tensor
        self.register_buffer("pictures", pictures)
        self._seen: torch.Tensor | None = None

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        image_rows: torch.Tensor,
        pixels: torch.Tensor | None = None,
        image_states: torch.Tensor | None = None,
        shown: torch.Tensor | None = None,
        answers: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """``pixels`` or ``image_states`` of images, which are of ``image_rows``; ``shown`` (rows, examples) the places
        of examples' pictures, -1 for none. With ``answers`` (rows,) the log-likelihood (rows,) of these classes."""
        states = self._see(pixels) if image_states is None else image_states
        if shown is not None:
            states, image_rows = self._with_examples(states, image_rows, shown)
        seen = states if states is not None and len(states) else None
        prompts = PromptBatch(input_ids, attention_mask, seen, image_rows)
        if isinstance(self.answer, PooledHead):
            hidden = self.body.hidden(input_ids, attention_mask, seen)
            logits: torch.Tensor = self.answer(hidden, attention_mask)
            return logits
        if answers is not None:
            return self.answer.answer(self.body, prompts, answers)
        likelihoods: torch.Tensor = self.answer(self.body, prompts)
        return likelihoods

    def parameter_groups(self, lr: float) -> list[ParameterGroup]:
        """What the optimizer trains: the body or its adapters, the head."""
        body = [parameter for parameter in self.body.parameters() if parameter.requires_grad]
        groups: list[ParameterGroup] = [{"params": body, "lr": lr}] if body else []
        head = list(self.answer.parameters())
        return [*groups, {"params": head, "lr": lr * self.head_rate}] if head else groups

    def calibrate(self, source: PromptSource, precision: str) -> None:
        """From now on a class's likelihood is less what it is of posts that say nothing: the mean over three that have
        no image and the texts of Zhao et al. (2021)."""
        assert isinstance(self.answer, Words)
        frame = pd.DataFrame({"id": list("012"), "part": "test", "text": NOTHING, "image": None})
        examples = source.examples(Dataset(frame, Path("."), ()), 1, training=False)
        likelihoods = torch.from_numpy(predict_logits(self.to(device()), examples, range(3), 3, precision))
        self.answer.expected.copy_(likelihoods.logsumexp(dim=0) - math.log(3))

    def _see(self, pixels: torch.Tensor | None) -> torch.Tensor | None:
        if pixels is None or not len(pixels):
            return None
        return frozen_states(self.body, pixels) if self.frozen else self.body.see(pixels)

    def _see_pictures(self) -> torch.Tensor:
        """Those of examples; under a tower that does not change, once for all batches."""
        kept = self._seen
        if kept is None or kept.device != self.pictures.device:
            kept = self._see(self.pictures)
            self._seen = kept if self.frozen else None
        assert kept is not None
        return kept

    def _with_examples(
        self, states: torch.Tensor | None, image_rows: torch.Tensor, shown: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Each row's examples' images before its own."""
        rows, places = torch.nonzero(shown >= 0, as_tuple=True)
        if not len(rows):
            return states, image_rows
        examples = self._see_pictures()[shown[rows, places]]
        every = examples if states is None else torch.cat((examples, states))  # as wide as the wider of the two
        owners = torch.cat((rows, image_rows))
        order = torch.argsort(owners, stable=True)
        return every[order], owners[order]


def _leave_out_words(model: Any) -> None:
    """Under a head no word is asked for: weights of theirs alone would count as trained."""
    words = model.get_output_embeddings()
    if words.weight is not model.get_input_embeddings().weight:
        words.requires_grad_(False)
