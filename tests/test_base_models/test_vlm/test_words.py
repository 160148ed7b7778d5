"""How likely words are after prompts: as whole sequences say, however prompts are padded and in whatever company."""

import pytest
import torch
from support.vlms import KINDS, pictures

from base_models.vlm.body import Body, body_of
from base_models.vlm.words import PromptBatch, Words, word_likelihoods

WORDS = [[29], [31, 40], [31, 41, 27], [23]]


@pytest.fixture(scope="module", params=KINDS)
def body(request: pytest.FixtureRequest, folders: dict[str, str]) -> Body:
    return body_of(folders[request.param], True, 0).eval()


def prompts(body: Body, side: str = "left") -> PromptBatch:
    """Of different lengths; where the model sees, two of three have an image."""
    random = torch.Generator().manual_seed(0)
    texts = [torch.randint(30, 60, (length,), generator=random).tolist() for length in (4, 9, 6)]
    owners = torch.tensor([0, 2] if body.has_images else [], dtype=torch.long)
    rows = [[*body.image_tokens, *text] if row in owners else text for row, text in enumerate(texts)]
    longest = max(map(len, rows))
    ids, mask = torch.zeros(3, longest, dtype=torch.long), torch.zeros(3, longest, dtype=torch.long)
    for place, row in enumerate(rows):
        real = slice(longest - len(row), None) if side == "left" else slice(len(row))
        ids[place, real], mask[place, real] = torch.tensor(row), 1
    if not body.has_images:
        return PromptBatch(ids, mask)
    assert body.preprocessing is not None
    states = body.see(pictures(2, body.preprocessing.size[0]))
    return PromptBatch(ids, mask, states, owners)


def alone_in(asked: PromptBatch, row: int) -> PromptBatch:
    """One prompt without its padding."""
    real = asked.attention_mask[row].bool()
    ids = asked.input_ids[row][real][None]
    if asked.image_states is None or asked.image_rows is None or not (asked.image_rows == row).any():
        return PromptBatch(ids, torch.ones_like(ids))
    own = asked.image_states[asked.image_rows == row]
    return PromptBatch(ids, torch.ones_like(ids), own, torch.zeros(1, dtype=torch.long))


def by_hand(body: Body, asked: PromptBatch, word: list[int]) -> float:
    """Of one prompt and one word, from the model's own logits of the whole sequence."""
    ids = torch.cat((asked.input_ids, torch.tensor([word])), dim=1)
    likely = body.logits(body.hidden(ids, torch.ones_like(ids), asked.image_states))[0].log_softmax(dim=-1)
    start = asked.input_ids.shape[1] - 1
    return sum(float(likely[start + place, token]) for place, token in enumerate(word))


@torch.inference_mode()
@pytest.mark.parametrize("side", ["left", "right"])
def test_words_are_as_likely_as_in_whole_sequences(body: Body, side: str) -> None:
    asked = prompts(body, side)
    found = word_likelihoods(body, WORDS, asked)
    assert found.shape == (3, len(WORDS))
    for row in range(3):
        for place, word in enumerate(WORDS):
            assert float(found[row, place]) == pytest.approx(by_hand(body, alone_in(asked, row), word), abs=1e-5)


@torch.inference_mode()
def test_company_changes_nothing(body: Body) -> None:
    asked = prompts(body)
    together = word_likelihoods(body, WORDS, asked)
    for row in range(3):
        for place, word in enumerate(WORDS):
            found = word_likelihoods(body, [word], alone_in(asked, row))[0, 0]
            torch.testing.assert_close(found, together[row, place], atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", ["left", "right"])
def test_words_are_as_likely_in_training(body: Body, side: str) -> None:
    with torch.inference_mode():
        expected = word_likelihoods(body, WORDS, prompts(body, side))
    found = word_likelihoods(body, WORDS, prompts(body, side))
    torch.testing.assert_close(found.detach(), expected.clone(), atol=1e-5, rtol=0)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert body.model.get_input_embeddings().weight.grad.abs().sum() > 0
    body.zero_grad()


@torch.inference_mode()
def test_words_of_one_token_need_no_second_pass(body: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    passes: list[int] = []
    hidden, going_on, prompt = body.hidden, body.going_on, body.prompt
    monkeypatch.setattr(body, "hidden", lambda *given: passes.append(1) or hidden(*given))
    monkeypatch.setattr(body, "prompt", lambda *given: passes.append(2) or prompt(*given))
    monkeypatch.setattr(body, "going_on", lambda *given: passes.append(3) or going_on(*given))
    word_likelihoods(body, [[29], [31], [23]], prompts(body))
    assert passes == [1]
    word_likelihoods(body, WORDS, prompts(body))
    assert passes == [1, 2, 3], "the prompt once, and further tokens of all words together"


class Said:
    """Stands for a body of which every token is as likely as its number says."""

    def __init__(self, likely: list[float]) -> None:
        self.likely = torch.tensor(likely).log()

    def hidden(self, ids: torch.Tensor, mask: torch.Tensor, states: object) -> torch.Tensor:
        return torch.zeros(*ids.shape, 1)

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.likely.expand(*hidden.shape[:-1], -1)


def test_a_class_of_several_words_is_as_likely_as_that_one_of_them_is_said() -> None:
    asked = PromptBatch(torch.zeros(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.long))
    words = Words([[[0], [1]], [[2]]])
    body = Said([0.1, 0.2, 0.3, 0.4])
    torch.testing.assert_close(words(body, asked).exp(), torch.tensor([[0.3, 0.3]] * 2))
    torch.testing.assert_close(words.answer(body, asked, torch.tensor([1, 0])).exp(), torch.tensor([0.3, 0.1]))  # type: ignore[arg-type]
    words.expected = torch.tensor([0.3, 0.6]).log()
    torch.testing.assert_close(words(body, asked).exp(), torch.tensor([[1.0, 0.5]] * 2))


@torch.inference_mode()
def test_the_first_word_of_each_rows_own_class_is_its_answer(body: Body) -> None:
    asked, words = prompts(body), Words([[WORDS[0]], [WORDS[2], WORDS[3]], [WORDS[1]]])
    every = word_likelihoods(body, WORDS, asked)
    own = words.answer(body, asked, torch.tensor([1, 0, 2]))
    torch.testing.assert_close(own, torch.stack([every[0, 2], every[1, 0], every[2, 1]]), atol=1e-5, rtol=0)
