"""Texts are tokenised once, cut where they are too long, and padded no further than the longest of a batch."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.texts import fitted, predicted, said, small, tokens_of

from base_models.textual import tokens
from base_models.textual.loading import load_tokenizer, tokenizer_identity
from base_models.textual.tokens import TokenExamples, TokenSource, count_texts
from base_models.tiny import FAMILIES, make_text_encoder
from ensemble.data import Dataset
from ensemble.features import FeatureCache

TEXTS = ["monday", "great coffee", "Boss cat", "great coffee", "exam exam exam exam exam exam exam exam", None]


class Words:
    """A toy tokenizer: words numbered as they come, between a 1 and a 2; it notes what it reads."""

    pad_token_id = 0

    def __init__(self) -> None:
        self.read: list[str] = []
        self.known: dict[str, int] = {}

    def __call__(
        self, texts: Sequence[str], truncation: bool = False, max_length: int = 10**9, verbose: bool = True
    ) -> dict[str, list[list[int]]]:
        self.read += texts if truncation else []
        found = []
        for text in texts:
            ids = [self.known.setdefault(word, len(self.known) + 3) for word in text.split()]
            found.append([1, *(ids[: max_length - 2] if truncation else ids), 2])
        return {"input_ids": found}


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Words:
    toy = Words()
    monkeypatch.setattr(tokens, "load_tokenizer", lambda model: toy)
    return toy


def source(cache: FeatureCache | None = None, max_length: int = 8, lower: bool = True, model: str = "toy") -> Any:
    return TokenSource(model, lower, max_length, cache or FeatureCache())


def ids(examples: TokenExamples) -> list[list[int]]:
    return [examples.batch([row])["input_ids"][0].tolist() for row in range(len(examples))]


def there(texts: Sequence[str | None]) -> Dataset:
    return said([text for text in texts if text is not None])


def test_a_text_is_tokenised_once_for_all_rows_folds_epochs_and_learners(
    words: Words, encoders: dict[str, str], tmp_path: Path
) -> None:
    data = said(TEXTS * 3)
    for process in range(2):
        cache = FeatureCache(tmp_path)
        for seed, widths in enumerate(({}, {"lstm_layers": 0}, {"training": {"epochs": 2, "validation": 0.3}})):
            learner = small(encoders["bert"], pretrained=False, **widths)
            learner.prepare(data.without_labels(), cache)
            fitted(learner, data.take(np.arange(len(data)) % 2 == seed % 2), seed)
            predicted(learner, data)
        assert sorted(words.read) == sorted({"monday", "great coffee", "boss cat", TEXTS[4]}), process


def test_without_a_disk_a_learner_remembers_what_it_has_tokenised(words: Words, encoders: dict[str, str]) -> None:
    learner = fitted(small(encoders["bert"], pretrained=False), said(TEXTS))
    predicted(learner, said([*TEXTS, "new"]))
    assert len(words.read) == len(set(words.read)) == 5


def test_a_text_missing_is_not_tokenised(words: Words) -> None:
    source().fill(said([None, None]))
    assert words.read == []


@pytest.mark.parametrize("other", [{"max_length": 9}, {"lower": False}, {"model": "another"}])
def test_another_length_case_or_tokenizer_is_another_entry(words: Words, other: dict[str, Any], tmp_path: Path) -> None:
    cache, data = FeatureCache(tmp_path), there(TEXTS)
    for times, one in enumerate((source(cache), source(cache), source(cache, **other), source(cache, **other))):
        one.fill(data)
        assert len(words.read) == 4 * (1 + (times > 1))
    assert source(cache).key != source(cache, **other).key
    assert len(list(tmp_path.glob("tokens-*"))) == 2


def test_weights_are_not_of_the_tokenizer_and_its_files_are(tmp_path: Path) -> None:
    folder = make_text_encoder(tmp_path / "one", ["monday coffee"])
    before = tokenizer_identity(str(folder))
    assert any("vocab" in name for name in before) and not any("model.safetensors" in name for name in before)
    make_text_encoder(tmp_path / "other", ["monday coffee"], seed=1)
    assert tokenizer_identity(str(tmp_path / "other")) == before
    make_text_encoder(tmp_path / "third", ["tuesday coffee"])
    assert tokenizer_identity(str(tmp_path / "third")) != before
    (folder / "vocab.bin").write_bytes(b"the words of a Transformer-XL")
    assert tokenizer_identity(str(folder)) != before
    assert tokenizer_identity("someone/model.bin") == ["someone/model.bin"]


def test_tokens_that_are_kept_are_those_that_were_made(words: Words, tmp_path: Path) -> None:
    data = there(TEXTS)
    made = source(FeatureCache(tmp_path)).of(data)
    kept = source(FeatureCache(tmp_path)).of(data.take([4, 0, 2]))
    assert [ids(made)[row] for row in (4, 0, 2)] == ids(kept)
    assert kept.uncut.tolist() == made.uncut[[4, 0, 2]].tolist()
    assert len(words.read) == 4


def test_texts_are_cut_to_the_length_and_counted(words: Words) -> None:
    texts = ["a", "a b c d e f", "a b c d e f g", "A " * 5000]
    examples = source(max_length=8).of(there(texts))
    assert examples.lengths.tolist() == [3, 8, 8, 8]
    assert examples.uncut.tolist() == [3, 8, 9, 5002]
    counted = count_texts(said([*texts, None, " "]), examples)
    assert counted == {"rows": 6, "missing": 1, "blank": 1, "cut": 2}


def test_texts_are_lower_cased_where_asked_for(words: Words) -> None:
    for lower, expected in ((True, ["boss cat"]), (False, ["boss cat", "Boss Cat"])):
        words.read.clear()
        source(lower=lower).fill(there(["boss cat", "Boss Cat"]))
        assert sorted(set(words.read)) == sorted(expected)


def test_a_text_of_no_tokens_is_one_padding_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Words):
        pad_token_id = 7

        def __call__(self, texts: Sequence[str], **how: Any) -> dict[str, list[list[int]]]:
            return {"input_ids": [[5] * len(text) for text in texts]}

    monkeypatch.setattr(tokens, "load_tokenizer", lambda model: Silent())
    examples = source().of(there(["", "abc"]))
    batch = examples.batch([0, 1])
    assert batch["input_ids"].tolist() == [[7, 7, 7], [5, 5, 5]]
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert examples.uncut.tolist() == [0, 3]


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12), data=st.data())
def test_a_batch_is_as_long_as_its_longest_text_and_padded_on_the_right(
    lengths: list[int], data: st.DataObject
) -> None:
    examples = tokens_of(lengths)
    rows = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1))
    batch = examples.batch(rows)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (len(rows), max(lengths[row] for row in rows))
    for row, found, mask in zip(rows, batch["input_ids"], batch["attention_mask"], strict=True):
        real = lengths[row]
        assert mask.tolist() == [1] * real + [0] * (len(mask) - real)
        assert found[:real].tolist() == ids(examples)[row] and (found[real:] == examples.padding).all()
    drawn = examples.augmented([(3, 1, row) for row in rows])
    assert all(torch.equal(drawn[name], batch[name]) for name in batch)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("lower", [True, False])
def test_tokens_are_the_tokenizers_own(encoders: dict[str, str], family: str, lower: bool) -> None:
    texts = ["Monday", "great COFFEE", "😀 مرحبا", "boss " * 40, "it's 5 o'clock!"]
    examples = source(None, 12, lower, encoders[family]).of(there(texts))
    tokenizer = load_tokenizer(encoders[family])
    wanted = [text.lower() if lower else text for text in texts]
    assert ids(examples) == tokenizer(wanted, truncation=True, max_length=12)["input_ids"]
    assert examples.uncut.tolist() == [len(tokenizer(text)["input_ids"]) for text in wanted]
    assert examples.padding == tokenizer.pad_token_id is not None


def test_a_tokenizer_without_padding_pads_with_its_end(encoders: dict[str, str]) -> None:
    assert load_tokenizer(encoders["gpt2"]).pad_token == "<|endoftext|>"


def test_a_tokenizer_is_loaded_once_and_anew_where_its_files_have_changed(tmp_path: Path) -> None:
    folder = make_text_encoder(tmp_path / "model", ["monday coffee"])
    first = load_tokenizer(str(folder))
    assert load_tokenizer(str(folder)) is first
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "unk_token": "[MASK]"}))
    assert load_tokenizer(str(folder)).unk_token == "[MASK]" != first.unk_token
