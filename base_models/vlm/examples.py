"""How posts reach a language model that sees: as prompts in tokens, padded on the left, and the images in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import numpy.typing as npt
import torch

from base_models.multimodal.pairs import EncodedSource, Flags, Images, PairExamples, present
from base_models.neural.sampling import Batch, Drawn
from base_models.textual.tokens import warn_of_cut
from base_models.visual.pixels import ImageSource
from base_models.vlm.asking import Interviewer, Question
from base_models.vlm.prompts import Prompts, Turn
from base_models.vlm.shots import Shot, Shots, draw_rows, keys_of
from base_models.vlm.spelling import escaped
from ensemble.data import Codes, Dataset, Task
from ensemble.errors import LearnerError

AT_ONCE = 1024  # prompts that are tokenised


@dataclass(frozen=True)
class Examined:
    """What posts are asked: the ``question`` in ``prompts`` of at most ``room`` tokens. Where a training row's own
    answer is read with its prompt, that is its label of the task ``answered``."""

    prompts: Prompts
    question: Question
    room: int | None
    answered: Task | None


class PromptTokens:
    """Prompts of rows; of each what it is without its text, or without its image, too."""

    def __init__(
        self,
        asked: Examined,
        texts: Sequence[str],
        shots: Sequence[Sequence[Shot]],
        has_text: Flags,
        has_image: Flags,
        padding: int,
    ) -> None:
        self.asked = asked
        self.texts = texts
        self.shots = shots
        self.padding = padding
        self._has_text, self._has_image = has_text, has_image
        rows = range(len(texts))
        parts = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
        self._whole = [ids for part in parts for ids in self._encode(part, has_text[part], has_image[part])]
        self.lengths: npt.NDArray[np.int64] = np.array([len(ids) for ids in self._whole], dtype=np.int64)
        if asked.room is not None and len(rows) and self.lengths.max() > asked.room:
            raise LearnerError(
                f"vlm: a prompt has {self.lengths.max():,} tokens, and the model has room for {asked.room:,} before an "
                "answer; choose a smaller max_length, fewer shots, or a shorter template."
            )

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, rows: Sequence[int]) -> Batch:
        return self.shown(list(rows), self._has_text[rows], self._has_image[rows])

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return self.batch([row for *_, row in drawn])

    def shown(self, rows: list[int], has_text: Flags, has_image: Flags) -> Batch:
        """``input_ids`` and ``attention_mask`` (rows, tokens), padded on the left to the longest of these."""
        chosen = [self._whole[row] for row in rows]
        changed = np.flatnonzero((has_text != self._has_text[rows]) | (has_image != self._has_image[rows])).tolist()
        if changed:
            anew = self._encode([rows[place] for place in changed], has_text[changed], has_image[changed])
            for place, ids in zip(changed, anew, strict=True):
                chosen[place] = ids
        longest = max(map(len, chosen))
        tokens = np.full((len(chosen), longest), self.padding)
        mask = np.zeros_like(tokens)
        for row, ids in enumerate(chosen):
            tokens[row, longest - len(ids) :] = ids
            mask[row, longest - len(ids) :] = 1
        return {"input_ids": torch.from_numpy(tokens), "attention_mask": torch.from_numpy(mask)}

    def _encode(self, rows: Sequence[int], has_text: Flags, has_image: Flags) -> list[npt.NDArray[np.int32]]:
        turns, words = [], self.asked.question.answers
        for row, text, image in zip(rows, has_text, has_image, strict=True):
            shown = [(shot.text, shot.picture is not None, words[shot.label]) for shot in self.shots[row]]
            turns.append([*starmap(Turn, shown), Turn(self.texts[row] if text else "", bool(image))])
        return [np.array(ids, np.int32) for ids in self.asked.prompts.encode(turns)]


class PromptExamples(PairExamples):
    """What the network is fed with: prompts, and the images of those rows that show one, each with its row.

    ``answers`` (rows,) are labels, read with the prompts in training.
    """

    def __init__(
        self,
        tokens: PromptTokens,
        images: Images,
        has_text: Flags,
        has_image: Flags,
        modality_dropout: float,
        answers: Codes | None,
    ) -> None:
        super().__init__(tokens, images, has_text, has_image, modality_dropout)
        self.tokens = tokens
        self.answers = answers

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        """As ``batch``, with a row's own answer, where one is asked for: ``answers`` (rows,)."""
        batch = super().augmented(drawn)
        if self.answers is not None:
            batch["answers"] = torch.from_numpy(self.answers[[row for *_, row in drawn]])
        return batch

    def _batch(
        self,
        chosen: npt.NDArray[np.int64],
        has_text: Flags,
        has_image: Flags,
        images: Batch | None,
        views: tuple[int, ...],
    ) -> Batch:
        """``image_rows`` (images,) says whose each of the ``pixels`` or ``image_states`` is; ``shown`` (rows, examples)
        the places of examples' pictures, -1 for none."""
        rows: list[int] = chosen.tolist()
        seen = {name: view.new_zeros((0, *view.shape)) for name, view in self.images.blank.items()}
        for name, values in (images or {}).items():
            seen[name] = values[:, 0] if views else values  # of one view
        shots = [[-1 if shot.picture is None else shot.picture for shot in self.tokens.shots[row]] for row in rows]
        if any(shots):
            most = max(map(len, shots))
            seen["shown"] = torch.tensor([[*places, *[-1] * (most - len(places))] for places in shots])
        return {
            **self.tokens.shown(rows, has_text, has_image),
            **seen,
            "image_rows": torch.from_numpy(np.flatnonzero(has_image)),
        }


class NoImages:
    """Of rows that show none."""

    views, lengths = 1, None

    @property
    def blank(self) -> Batch:
        return {}

    def __len__(self) -> int:
        return 0

    def batch(self, rows: Sequence[int]) -> Batch:
        return {}

    def augmented(self, drawn: Sequence[Drawn]) -> Batch:
        return {}


class PromptSource:
    """Posts to prompts and images: states of these where they are kept, else pixels. ``asked`` is not known before a
    task is; without ``images`` a model sees none."""

    views = 1

    def __init__(
        self,
        interviewer: Interviewer,
        max_length: int,
        images: ImageSource | None,
        encoded: EncodedSource | None,
        looked_at: Sequence[str],
        modality_dropout: float,
        asked: Examined | None,
    ) -> None:
        self.interviewer, self.max_length = interviewer, max_length
        self.images, self.encoded, self.looked_at = images, encoded, looked_at
        self.modality_dropout = modality_dropout
        self.asked = asked

    def fill(self, data: Dataset) -> None:
        """Decoded images are not needed beside what the tower made of them. What is cut is said."""
        texts = len(data) - data.texts.count(None)
        warn_of_cut(self.interviewer.described.model, self._texts(data)[1], texts, self.max_length)
        if (
            self.images is not None
            and "image" in self.looked_at
            and (self.encoded is None or not self.encoded.fill(data))
        ):
            self.images.fill(data)

    def read(self, data: Dataset) -> Dataset:
        return data

    def known(self, data: Dataset) -> npt.NDArray[np.intp]:
        return np.flatnonzero(np.logical_or(*self._present(data)))

    def count(self, data: Dataset, read: Dataset) -> dict[str, int]:
        has_text, has_image = present(data)
        kept = {"without_text": int((~has_text).sum()), "without_image": int((~has_image).sum())}
        return {"rows": len(data), **kept, "cut": self._texts(data)[1]}

    def examples(self, read: Dataset, views: int, training: bool) -> PromptExamples:
        assert self.asked is not None
        has_text, has_image = self._present(read)
        shots = [self.asked.question.shots.of(keys) for keys in keys_of(read)]
        padding = self.interviewer.tokenizer.pad_token_id
        tokens = PromptTokens(self.asked, self._texts(read)[0], shots, has_text, has_image, padding)
        answers = read.codes(self.asked.answered) if self.asked.answered and training else None
        images = self._images(read.take(has_image), views, training)
        dropout = self.modality_dropout if training else 0.0
        return PromptExamples(tokens, images, has_text, has_image, dropout, answers)

    def shots(self, data: Dataset, task: Task, count: int, seed: int) -> Shots:
        """Examples from these fit rows, with their images where a prompt may hold several."""
        chosen, spare = draw_rows(data, task, count, seed)
        rows = list(dict.fromkeys([*chosen, *(row for row in spare if row is not None)]))
        shown, labels = data.take(rows), data.codes(task)[rows].tolist() if rows else []
        has_image = self._present(shown)[1] & self.interviewer.takes_several
        places = np.where(has_image, np.cumsum(has_image) - 1, -1).tolist()
        of_rows = zip(rows, self._texts(shown)[0], labels, places, keys_of(shown), strict=True)
        made = {row: Shot(text, label, None if place < 0 else place, keys) for row, text, label, place, keys in of_rows}
        drawn = tuple(made[row] for row in chosen), tuple(None if row is None else made[row] for row in spare)
        if self.images is None or not has_image.any():
            return Shots(*drawn)
        pictures = self.images.examples(shown.take(has_image), 1, training=False).batch(range(int(has_image.sum())))
        return Shots(*drawn, pictures["pixels"][:, 0].numpy())

    def _images(self, seen: Dataset, views: int, training: bool) -> Images:
        if self.images is None:
            return NoImages()
        states = None if self.encoded is None else self.encoded.images(seen, views)
        return self.images.examples(seen, views, training) if states is None else states

    def _texts(self, data: Dataset) -> tuple[list[str], int]:
        """Escaped and cut, and how many were cut."""
        return self.interviewer.speller.cut([escaped(text or "") for text in data.texts], self.max_length)

    def _present(self, data: Dataset) -> tuple[Flags, Flags]:
        has_text, has_image = present(data)
        return has_text & ("text" in self.looked_at), has_image & ("image" in self.looked_at)
