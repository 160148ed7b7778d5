"""Tokens of prompts in which only the template can spell what acts: a post's text holds no mark, whatever it says."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from ensemble.errors import LearnerError

# Noncharacters of Unicode, which no text may hold, spell marks here and are taken out of posts; so are halves of
# surrogate pairs, which no tokenizer takes.
OURS = re.compile("[\ufdd0-\ufdef\ud800-\udfff]")
# What opens another's turn and is plain words to many tokenizers: with one space more it opens none.
TURNS = re.compile(
    "(?i)\\b(?:user|assistant|system|human|model|question|answer)(?=[:\uff1a])|\\[(?=/?inst\\])|<(?=</?sys>)"
)


def escaped(text: str) -> str:
    """A post's text in one line, without what could pass for another's turn."""
    return TURNS.sub(lambda mark: mark.group() + " ", " ".join(OURS.sub("", text).split()))


class Speller:
    """A model's tokenizer, in a copy of which every mark is spelled in noncharacters: tokens that were added to the
    vocabulary and are special, or no plain words, such as ``<image>``, ``<|im_start|>``, ``</s>``.

    In the copy they are text like any other, and so they are in posts; in what is ``trusted`` they are spelled anew.
    All other tokens are those of the whole string in the model's own tokenizer. Raises LearnerError for a tokenizer
    that has no fast form to copy.
    """

    def __init__(self, model: str, tokenizer: Any) -> None:
        from tokenizers import Tokenizer

        if not getattr(tokenizer, "is_fast", False):
            raise LearnerError(f"vlm: the tokenizer of {model} has no fast form (tokenizer.json), which prompts need.")
        described = json.loads(tokenizer.backend_tokenizer.to_str())
        self.marks = {token["content"]: int(token["id"]) for token in described["added_tokens"] if _acts(token)}
        self._copy = Tokenizer.from_str(json.dumps(_respelled(described, self.marks)))
        self._beginning = _beginning(tokenizer)
        longest = sorted(self.marks, key=len, reverse=True)
        self._marked = re.compile("|".join(map(re.escape, longest)) or "(?!)")

    def trusted(self, text: str) -> str:
        """Text of the template, in which marks are marks."""
        return self._marked.sub(lambda mark: _spelled(self.marks[mark.group()]), text)

    def encode(self, prompts: Sequence[str]) -> list[list[int]]:
        """Of trusted texts around those of posts; each begins as the model's own tokenizer begins, once."""
        encodings = self._copy.encode_batch(list(prompts), add_special_tokens=False)
        begin = self._beginning
        return [ids if ids[: len(begin)] == begin else begin + ids for ids in (one.ids for one in encodings)]

    def cut(self, texts: Sequence[str], max_length: int) -> tuple[list[str], int]:
        """Escaped texts cut to so many tokens, and how many were."""
        kept, cut = [], 0
        for text, encoding in zip(texts, self._copy.encode_batch(list(texts), add_special_tokens=False), strict=True):
            longer = len(encoding.ids) > max_length
            kept.append(text[: encoding.offsets[max_length - 1][1]] if longer else text)
            cut += longer
        return kept, cut


def _acts(token: dict[str, Any]) -> bool:
    """Not white space or a plain word that somebody added for its own sake."""
    return bool(token["special"] or re.search(r"[^\w\s\u2581]", token["content"]))


def _spelled(token: int) -> str:
    return f"\ufdd0{token}\ufdd1"


def _respelled(described: dict[str, Any], marks: dict[str, int]) -> dict[str, Any]:
    """A tokenizer's description, in which marks are spelled anew wherever they are named."""
    names = {mark: _spelled(token) for mark, token in marks.items()}
    added = [{**token, "content": names.get(token["content"], token["content"])} for token in described["added_tokens"]]
    model = dict(described["model"])
    if isinstance(model["vocab"], dict):
        model["vocab"] = {names.get(piece, piece): place for piece, place in model["vocab"].items()}
    else:
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in model["vocab"]]
    if "merges" in model:
        pairs = [(merge, merge.split(" ", 1) if isinstance(merge, str) else merge) for merge in model["merges"]]
        model["merges"] = [merge for merge, (one, two) in pairs if not names.keys() & {one, two, one + two}]
    if model.get("unk_token") in names:
        model["unk_token"] = names[model["unk_token"]]
    nothing = {"post_processor": None, "truncation": None, "padding": None}
    return {**described, **nothing, "added_tokens": added, "model": model}


def _beginning(tokenizer: Any) -> list[int]:
    """The tokens that a model's tokenizer sets before any text."""
    whole = cast(list[int], tokenizer("a")["input_ids"])
    bare = cast(list[int], tokenizer("a", add_special_tokens=False)["input_ids"])
    starts = [start for start in range(len(whole)) if whole[start : start + len(bare)] == bare]
    return whole[: starts[0]] if starts else []
