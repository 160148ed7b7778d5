"""The word-level tokenizer splits as transformers 4 did; of a pickled vocabulary only words come through."""

import json
import os
import pickle
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from support import REFERENCE as FOLDER
from transformers import AutoTokenizer

from base_models.textual.transformer_xl_tokenizer import TransfoXLTokenizer, register
from base_models.textual.vocabulary import unpickled_words
from ensemble.errors import LearnerError

REFERENCE = json.loads((FOLDER / "transformer_xl_tokens.json").read_text(encoding="utf-8"))
WORDS = ["<eos>", "<unk>", "the", "cats", "😂", "@,@"]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch keeps what it fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "vocabularies"


def written(folder: Path, words: list[str]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return folder


def tokenizer(folder: Path, words: list[str]) -> TransfoXLTokenizer:
    return TransfoXLTokenizer(str(written(folder, words) / "vocab.txt"))


def published(words: list[str] = WORDS) -> dict[str, Any]:
    """The object in the published file."""
    return {
        "counter": Counter(),
        "special": ["<eos>"],
        "min_freq": 0,
        "max_size": None,
        "lower_case": False,
        "delimiter": None,
        "vocab_file": None,
        "idx2sym": words,
        "unk_idx": 1,
        "sym2idx": OrderedDict((word, position) for position, word in enumerate(words)),
    }


def dumped(folder: Path, value: object, name: str = "vocab.pkl") -> Path:
    path = folder / name
    path.write_bytes(pickle.dumps(value, protocol=2))
    return path


def test_tokens_and_ids_are_those_of_the_reference(tmp_path: Path) -> None:
    words = tokenizer(tmp_path, REFERENCE["vocabulary"])
    ids = words([row["text"] for row in REFERENCE["rows"]], verbose=False)["input_ids"]
    for row, found in zip(REFERENCE["rows"], ids, strict=True):
        assert words.tokenize(row["text"]) == row["tokens"]
        assert found == row["ids"]


@pytest.mark.parametrize(
    "text",
    ["", " \n", "\0", "a" * 10_000, "the " * 2_500, "😂" * 10_000, "مرحبا " * 2_000, "<UNK>" * 2_000, "." * 10_000],
    ids=["empty", "space", "nul", "one long word", "long", "emoji", "right to left", "protected", "points"],
)
def test_no_text_is_too_strange(tmp_path: Path, text: str) -> None:
    words = tokenizer(tmp_path, WORDS)
    (ids,) = words([text], truncation=True, max_length=16, verbose=False)["input_ids"]
    assert len(ids) <= 16
    assert set(ids) <= set(range(len(WORDS)))
    assert ids == words([text], add_special_tokens=False, verbose=False)["input_ids"][0][:16]


def test_padding_is_a_word_the_network_has(tmp_path: Path) -> None:
    words = tokenizer(tmp_path, WORDS)
    assert (words.pad_token, words.pad_token_id, words.eos_token, words.unk_token_id) == ("<eos>", 0, "<eos>", 1)
    assert len(words) == words.vocab_size == len(WORDS)


@pytest.mark.parametrize("lower_case", [False, True])
def test_what_is_saved_loads_again(tmp_path: Path, lower_case: bool) -> None:
    register()
    source = written(tmp_path / "source", REFERENCE["vocabulary"]) / "vocab.txt"
    before = TransfoXLTokenizer(str(source), lower_case=lower_case)
    before.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "config.json").write_text('{"model_type": "transfo-xl"}')
    after = AutoTokenizer.from_pretrained(tmp_path / "saved")
    texts = ["The CATS", *(row["text"] for row in REFERENCE["rows"])]
    assert after(texts)["input_ids"] == before(texts)["input_ids"]
    assert (after.tokenize("The CATS") == ["the", "cats"]) is lower_case


def test_a_published_folder_needs_no_more_than_config_and_pickle(tmp_path: Path) -> None:
    register()
    (tmp_path / "config.json").write_text('{"model_type": "transfo-xl"}')
    dumped(tmp_path, published())
    assert AutoTokenizer.from_pretrained(tmp_path)(["cats the 😂 dogs"])["input_ids"] == [[3, 2, 4, 1]]


def test_a_pickled_vocabulary_becomes_plain_text_once(tmp_path: Path, hub: Path) -> None:
    path = dumped(tmp_path, published())
    assert unpickled_words(path) == WORDS
    (converted,) = hub.iterdir()
    assert converted.read_text(encoding="utf-8").split() == WORDS
    converted.write_text("<eos>\n<unk>\nread\nagain\n")
    assert unpickled_words(path) == ["<eos>", "<unk>", "read", "again"]


def test_the_first_format_of_torch_is_read(tmp_path: Path) -> None:
    torch.save(published(), tmp_path / "vocab.bin", _use_new_zipfile_serialization=False)
    assert unpickled_words(tmp_path / "vocab.bin") == WORDS


class Payload:
    """Unpickled, it would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_asks_for_more_is_refused_and_never_run(tmp_path: Path, hub: Path) -> None:
    path = dumped(tmp_path, {**published(), "counter": Payload(tmp_path / "run")})
    with pytest.raises(LearnerError, match=r"vocab.pkl is refused: .* asks for 'posix.system'") as refusal:
        unpickled_words(path)
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "run").exists()
    assert not hub.exists()
    pickle.loads(path.read_bytes())
    assert (tmp_path / "run").exists()


def test_tensors_in_a_pickle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "vocab.bin"
    torch.save({**published(), "counter": torch.zeros(1)}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(LearnerError, match=r"vocab.bin is refused"):
        unpickled_words(path)


def test_nothing_of_the_interpreter_can_be_changed_by_a_pickle(tmp_path: Path) -> None:
    path = tmp_path / "vocab.pkl"
    path.write_bytes(b"\x80\x02ccollections\nCounter\nN}X\x06\x00\x00\x00updateK\x01s\x86b.")  # sets Counter.update
    with pytest.raises(LearnerError, match="is damaged"):
        unpickled_words(path)
    assert callable(Counter.update)


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"", "is damaged"),
        (pickle.dumps(published())[:-20], "is damaged"),
        (b"PK\x03\x04", "is damaged"),
        (pickle.dumps(3), "must hold 'sym2idx'"),
        (pickle.dumps({"idx2sym": WORDS}), "must hold 'sym2idx'"),
        (pickle.dumps({"sym2idx": WORDS}), "must hold 'sym2idx'"),
        (pickle.dumps({"sym2idx": {"two words": 0}}), "must hold 'sym2idx'"),
        (pickle.dumps({"sym2idx": {7: 0}}), "must hold 'sym2idx'"),
        (pickle.dumps({"sym2idx": {"a": 0, "b": 2}}), "its 2 words must have the ids from 0 on"),
        (pickle.dumps({"sym2idx": {"a": 0, "b": "1"}}), "its 2 words must have the ids from 0 on"),
    ],
    ids=["empty", "cut", "zip", "number", "no ids", "list", "two words", "no word", "gap", "text for an id"],
)
def test_a_damaged_or_foreign_pickle_is_refused(tmp_path: Path, payload: bytes, said: str) -> None:
    (tmp_path / "vocab.pkl").write_bytes(payload)
    with pytest.raises(LearnerError, match=said) as refusal:
        unpickled_words(tmp_path / "vocab.pkl")
    assert str(tmp_path / "vocab.pkl") in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"<eos>\n\n<unk>\n", "no empty line"),
        (b"<eos>\n<unk>\nthe\nthe\n", "each once"),
        (b"", "one word per line"),
        (b"the\ncats\n", "must hold <eos> and <unk>"),
        (b"\xff\xfe", "Cannot read the vocabulary"),
    ],
)
def test_a_wrong_list_of_words_is_refused(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "vocab.txt").write_bytes(text)
    with pytest.raises(LearnerError, match=said):
        TransfoXLTokenizer(str(tmp_path / "vocab.txt"))


def test_a_tokenizer_needs_a_vocabulary() -> None:
    with pytest.raises(LearnerError, match=r"vocab.txt, vocab.pkl or vocab.bin"):
        TransfoXLTokenizer()
