"""What a model is asked about the posts of one task: kept with what was fitted, for the posts to come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING, Any

from base_models.textual.loading import load_tokenizer, tokenizer_identity
from base_models.vlm.prompts import COMPLETED_TEMPLATE, HEAD_TEMPLATE, WORDS_TEMPLATE, Chat, Prompts, message_of
from base_models.vlm.shots import Shots
from base_models.vlm.spelling import Speller
from ensemble.data import Task
from ensemble.errors import LearnerError
from ensemble.system.files import fingerprint

if TYPE_CHECKING:
    from base_models.vlm.loading import Description


@dataclass(frozen=True)
class Question:
    """``message`` has {text} where a post's comes; ``words`` are those of each class; ``shots`` come first."""

    task: str
    message: str
    words: tuple[tuple[str, ...], ...] = ()
    shots: Shots = field(default_factory=Shots)

    def record(self) -> dict[str, Any]:
        words = [list(said) for said in self.words]
        return {"task": self.task, "message": self.message, "words": words, "shots": self.shots.record()}

    @classmethod
    def restored(cls, record: Mapping[str, Any]) -> "Question":
        words = tuple(tuple(said) for said in record["words"])
        return cls(record["task"], record["message"], words, Shots.restored(record["shots"]))

    @property
    def answers(self) -> list[str]:
        """The first word of each class."""
        return [said[0] for said in self.words]


@dataclass(frozen=True)
class Interviewer:
    """Makes prompts for a model, as it is ``described``; ``system`` is said before all."""

    described: "Description"
    system: str | None

    @property
    def tokenizer(self) -> Any:
        return load_tokenizer(self.described.model)

    @property
    def speller(self) -> Speller:
        return _speller(self.described.model, fingerprint(tokenizer_identity(self.described.model)))

    @property
    def chat(self) -> Chat:
        return Chat(self.tokenizer, self.described)

    @property
    def takes_several(self) -> bool:
        """Whether a prompt may hold several images, each in its place."""
        return bool(self.described.image_tokens) and not self.described.images_first

    def message(
        self, template: str | None, question: str | Mapping[str, str] | None, task: Task, words: Sequence[str]
    ) -> str:
        """Where a ``template`` is not given, the usual one; ``words`` are of classes, none where no word is asked."""
        if template is None:
            usual = COMPLETED_TEMPLATE if self.chat.completes else WORDS_TEMPLATE
            template = usual if words else HEAD_TEMPLATE
        return message_of(template, question, task, words or [name.replace("_", " ") for name in task.classes])

    def prompts(self, question: Question) -> Prompts:
        return Prompts(self.chat, self.speller, question.message, self.system)

    def tokens(self, question: Question) -> list[list[list[int]]]:
        """Of each class's words. Raises LearnerError where one starts as another does: both would count as that."""
        words = [word for said in question.words for word in said]
        flat = self.prompts(question).answers(words)
        for (start, first), (word, tokens) in permutations(zip(words, flat, strict=True), 2):
            if tokens[: len(first)] == first:
                raise LearnerError(
                    f"vlm: {word!r} starts with the tokens of {start!r}, so that it can never be the likelier of the "
                    f"two; give other words in prompts."
                )
        queue = iter(flat)
        return [[next(queue) for _ in said] for said in question.words]

    def room(self, question: Question) -> int | None:
        """Tokens of a prompt that a model can read with any answer, of which it need not read the last."""
        limit = getattr(self.described.family.config.get_text_config(), "max_position_embeddings", None)
        longest = max((len(word) for of_class in self.tokens(question) for word in of_class), default=1)
        return None if limit is None else int(limit) - longest + 1


@lru_cache(maxsize=4)
def _speller(model: str, files: str) -> Speller:
    return Speller(model, load_tokenizer(model))
