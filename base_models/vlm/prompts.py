"""Prompts: what a model is asked about a post, in the form of its own conversations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from base_models.vlm.spelling import Speller
from ensemble.data import Task
from ensemble.errors import LearnerError, first_line

if TYPE_CHECKING:
    from base_models.vlm.loading import Description

PLACES = ("text", "classes", "question")
WORDS_TEMPLATE = "Post: {text}\n{question} Answer with one of these: {classes}."
COMPLETED_TEMPLATE = "Post: {text}\nQuestion: {question} Answer with one of these: {classes}.\nAnswer:"
HEAD_TEMPLATE = "Post: {text}\n{question}"
QUESTION = "What is the {} of this post?"
SLOT = "\ufdd3{}\ufdd4"  # where the text of a turn comes, by the turn's number
SLOTS = re.compile("\ufdd3(\\d+)\ufdd4")
# A message and its answer where a model brings no template: of a family that converses, as published; of others, which
# go on with what is said, the message alone.
CONVERSING = {"llava": ("USER: {image}{message} ASSISTANT:", " {answer}</s>")}
COMPLETING = ("{image}{message}", " {answer}\n\n")


@dataclass(frozen=True)
class Turn:
    """A post as a model is shown it; of an example with its ``answer``."""

    text: str
    has_image: bool
    answer: str | None = None


def check_template(template: str | None) -> str | None:
    """Raises ValueError for places that nothing fills, and for two texts."""
    for name in re.findall(r"\{(\w*)\}", template or ""):
        if name not in PLACES:
            raise ValueError(f"has {{{name}}}, which nothing fills; its places are {{text}}, {{classes}}, {{question}}")
    if template is not None and template.count("{text}") > 1:
        raise ValueError(f"must have {{text}} once, or not at all, got {template!r}")
    return template


def message_of(template: str, question: str | Mapping[str, str] | None, task: Task, words: Sequence[str]) -> str:
    """What a user says of a post, {text} still in it; ``words`` are of the classes.

    ``question`` is one for all tasks, or one by task. Raises LearnerError for {classes} of a task that has none.
    """
    asked = QUESTION.format(task.name.replace("_", " "))
    if question is not None:
        asked = question if isinstance(question, str) else question.get(task.name, asked)
    template = template.replace("{question}", asked)
    if "{classes}" in template and not task.classes:
        raise LearnerError(f"vlm: template has {{classes}}, and {task.name} is a number; leave them out.")
    return template.replace("{classes}", ", ".join(words))


@dataclass(frozen=True)
class Chat:
    """How conversations with a model are written, as it is ``described``: by its own template (Jinja, which runs in a
    sandbox), or, where it has none, as those of its family are published."""

    tokenizer: Any
    described: "Description"

    @property
    def completes(self) -> bool:
        """Whether the model goes on with a text, and does not converse."""
        return self.described.template is None and self.described.family.config.model_type not in CONVERSING

    def write(self, turns: Sequence[Turn], messages: Sequence[str], system: str | None) -> str:
        """The conversation up to the answer that is asked for. Raises LearnerError where it loses something."""
        if self.described.template is None:
            return self._plain(turns, messages, system)
        images = 0 if self.described.images_first else sum(turn.has_image for turn in turns)
        reason = ""
        for as_parts in (True, False) if self.described.image_tokens else (False,):
            try:
                said = self._templated(turns, messages, system, as_parts)
            except Exception as error:  # whatever a template raises
                reason = first_line(error)
                continue
            whole = SLOTS.findall(said) == SLOTS.findall("".join(messages)) and "'type'" not in said
            if whole and (not images or said.count(self._image) == images):
                return said.replace(self.described.written, self.described.marker) if self._rewrites(as_parts) else said
            reason = reason or "it leaves out texts or images"
        raise LearnerError(f"vlm: the model's chat template does not write this conversation: {reason}.")

    def expanded(self, ids: Sequence[int], images: int) -> list[int]:
        """Tokens of a prompt, each image as long as it is."""
        tokens, placeholder = self.described.image_tokens, self.described.placeholder
        if self.described.images_first:
            return [*images * tokens, *ids]
        return [token for one in ids for token in (tokens if one == placeholder else (one,))]

    @property
    def _image(self) -> str:
        """What a template writes for an image."""
        return self.described.written or str(self.tokenizer.convert_ids_to_tokens(self.described.placeholder))

    def _rewrites(self, as_parts: bool) -> bool:
        """Whether that must become the marker; a message that is one text holds it already."""
        return as_parts and bool(self.described.written)

    def _plain(self, turns: Sequence[Turn], messages: Sequence[str], system: str | None) -> str:
        asked, answered = CONVERSING.get(self.described.family.config.model_type, COMPLETING)
        marker = self.described.marker
        parts = [f"{system} " if system else ""]
        for turn, message in zip(turns, messages, strict=True):
            image = f"{marker}\n" if turn.has_image and marker else ""
            parts.append(asked.replace("{image}", image).replace("{message}", message))
            parts.append("" if turn.answer is None else answered.replace("{answer}", turn.answer))
        return "".join(parts)

    def _templated(self, turns: Sequence[Turn], messages: Sequence[str], system: str | None, as_parts: bool) -> str:
        def said_by(role: str, text: str, image: bool = False) -> dict[str, object]:
            if as_parts:
                parts = [{"type": "image"}] if image else []
                return {"role": role, "content": [*parts, {"type": "text", "text": text}]}
            return {"role": role, "content": f"{self.described.marker}\n{text}" if image else text}

        conversation = [said_by("system", system)] if system else []
        for turn, message in zip(turns, messages, strict=True):
            conversation.append(said_by("user", message, turn.has_image))
            if turn.answer is not None:
                conversation.append(said_by("assistant", turn.answer))
        return str(
            self.tokenizer.apply_chat_template(
                conversation, chat_template=self.described.template, tokenize=False, add_generation_prompt=True
            )
        )


@dataclass(frozen=True)
class Prompts:
    """Posts of one task as tokens: a ``message`` with {text} where a post's text comes, ``system`` before all."""

    chat: Chat
    speller: Speller
    message: str
    system: str | None = None
    _written: dict[tuple[tuple[bool, str | None], ...], str] = field(default_factory=dict, repr=False)

    def encode(self, conversations: Sequence[Sequence[Turn]]) -> list[list[int]]:
        """Tokens of conversations, each of examples with their answers and then the post that is asked about; texts are
        ``escaped``."""
        encoded = self.speller.encode([self._filled(turns) for turns in conversations])
        images = [sum(turn.has_image for turn in turns) for turns in conversations]
        return [self.chat.expanded(ids, count) for ids, count in zip(encoded, images, strict=True)]

    def answers(self, words: Sequence[str]) -> list[list[int]]:
        """The tokens of words as they follow a prompt. Raises LearnerError where one makes a token with its end."""
        asked = self._filled([Turn("", has_image=False)])
        gap = "" if asked[-1:].isspace() or asked.endswith("\ufdd1") else " "
        start, *wholes = self.speller.encode([asked, *(asked + gap + word for word in words)])
        for word, whole in zip(words, wholes, strict=True):
            if whole[: len(start)] != start or len(whole) == len(start):
                end = self.shown()[-20:]
                raise LearnerError(f"vlm: {word!r} is no word of its own after {end!r}; give another one in prompts.")
        return [whole[len(start) :] for whole in wholes]

    def shown(self) -> str:
        """A post's prompt as people read it, for the job's record."""
        turn = Turn("", has_image=bool(self.chat.described.image_tokens))
        return self.chat.write([turn], [self.message], self.system)

    def _filled(self, turns: Sequence[Turn]) -> str:
        """Trusted, around the texts of posts; without spaces at the end, which are of the answer."""
        key = tuple((turn.has_image, turn.answer) for turn in turns)
        if key not in self._written:
            messages = [self.message.replace("{text}", SLOT.format(number)) for number in range(len(turns))]
            written = self.chat.write(turns, messages, self.system)
            self._written[key] = self.speller.trusted(written).rstrip(" ")
        return SLOTS.sub(lambda slot: turns[int(slot.group(1))].text, self._written[key])
