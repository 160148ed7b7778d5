"""Classes by their words: how likely each word is as the answer to a prompt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from base_models.textual.pooling import pool

if TYPE_CHECKING:
    from base_models.vlm.body import Body


@dataclass(frozen=True)
class PromptBatch:
    """Prompts in tokens: (rows, tokens) ids and mask, padded on either side; the states of their images, in the order
    of their places."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    image_states: torch.Tensor | None = None
    image_rows: torch.Tensor | None = None  # (images,) whose each is

    def repeated(self, times: int) -> "PromptBatch":
        """Each row ``times`` times, one after the other."""
        ids, mask = (one.repeat_interleave(times, dim=0) for one in (self.input_ids, self.attention_mask))
        if self.image_states is None or self.image_rows is None:
            return PromptBatch(ids, mask)
        images = [torch.nonzero(self.image_rows == row)[:, 0] for row in range(len(self.input_ids))]
        order = torch.cat([own for own in images for _ in range(times)])
        owners = [row * times + time for row, own in enumerate(images) for time in range(times) for _ in own]
        return PromptBatch(ids, mask, self.image_states[order], torch.tensor(owners, device=ids.device))


class Words(nn.Module):
    """(rows, classes) log-likelihoods of classes as answers: of a class with several words, that one of them is said.

    ``words`` has the tokens of each class's words. The likelihood of a word is the product of its tokens'; nothing is
    divided by its length, so that a softmax over classes gives what the model would say if it had to choose. A long
    word is less likely for its length alone: ``expected`` (classes,), the log-likelihoods of the same words where there
    is nothing to judge, is subtracted (Zhao et al. 2021; the pointwise mutual information of Holtzman et al. 2021).
    """

    def __init__(self, words: Sequence[Sequence[Sequence[int]]]) -> None:
        super().__init__()
        self.tokens = [list(word) for of_class in words for word in of_class]
        ends = torch.tensor([len(of_class) for of_class in words]).cumsum(0).tolist()
        self.places = [range(end - len(of_class), end) for end, of_class in zip(ends, words, strict=True)]
        self.expected: torch.Tensor
        self.register_buffer("expected", torch.zeros(len(words)))

    def forward(self, body: "Body", prompts: PromptBatch) -> torch.Tensor:
        likelihoods = word_likelihoods(body, self.tokens, prompts)
        of_classes = [likelihoods[:, places.start : places.stop].logsumexp(dim=1) for places in self.places]
        return torch.stack(of_classes, dim=1) - self.expected

    def answer(self, body: "Body", prompts: PromptBatch, answers: torch.Tensor) -> torch.Tensor:
        """(rows,) the log-likelihood of the first word of each row's own class, in one pass."""
        first = [self.tokens[places.start] for places in self.places]
        tokens, mask = _padded(first, prompts.input_ids.device)
        return whole_likelihoods(body, prompts, tokens[answers], mask[answers])


def word_likelihoods(body: "Body", words: Sequence[Sequence[int]], prompts: PromptBatch) -> torch.Tensor:
    """(rows, words) log-likelihoods of each word after each prompt.

    A prompt is read once, and its last token says each word's first; further tokens are read behind repeated keys and
    values. With gradients, for which layers may be computed twice, a prompt is read anew with each word.
    """
    rows, longer = len(prompts.input_ids), [number for number, word in enumerate(words) if len(word) > 1]
    inputs = (prompts.input_ids, prompts.attention_mask, prompts.image_states)
    if longer and torch.is_grad_enabled():
        tokens, mask = (one.repeat(rows, 1) for one in _padded(words, prompts.input_ids.device))
        return whole_likelihoods(body, prompts.repeated(len(words)), tokens, mask).view(rows, -1)
    prompt = body.prompt(*inputs) if longer else None
    states = body.hidden(*inputs) if prompt is None else prompt.hidden
    likely = _log_softmax(body, pool(states, prompts.attention_mask, "last"))[:, [word[0] for word in words]]
    if prompt is not None:
        padded = _padded([words[number] for number in longer], prompts.input_ids.device)
        tokens, mask = (one.repeat(rows, 1) for one in padded)
        further = body.going_on(prompt.repeated(len(longer)), tokens[:, :-1], mask[:, 1:])
        likely[:, longer] += _said(_log_softmax(body, further), tokens[:, 1:], mask[:, 1:]).view(rows, -1)
    return likely


def whole_likelihoods(body: "Body", prompts: PromptBatch, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(rows,) log-likelihoods of each row's own (rows, longest) tokens behind its prompt, read as one sequence."""
    ids = torch.cat((prompts.input_ids, tokens[:, :-1]), dim=1)
    states = body.hidden(ids, torch.cat((prompts.attention_mask, mask[:, 1:]), dim=1), prompts.image_states)
    length = prompts.input_ids.shape[1]
    first = pool(states[:, :length], prompts.attention_mask, "last")
    telling = torch.cat((first[:, None], states[:, length:]), dim=1)
    return _said(_log_softmax(body, telling), tokens, mask)


def _log_softmax(body: "Body", states: torch.Tensor) -> torch.Tensor:
    return body.logits(states).float().log_softmax(dim=-1)


def _said(likely: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(rows,) sums over (rows, tokens) of what (rows, tokens, vocabulary) says of them."""
    return (likely.gather(-1, tokens[..., None])[..., 0] * mask).sum(dim=-1)


def _padded(words: Sequence[Sequence[int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(words, longest) tokens and mask, padded on the right."""
    lengths = torch.tensor([len(word) for word in words], device=device)
    tokens = nn.utils.rnn.pad_sequence([torch.tensor(word, device=device) for word in words], batch_first=True)
    return tokens, (torch.arange(tokens.shape[1], device=device) < lengths[:, None]).long()
