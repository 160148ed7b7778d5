"""The words of a word-level model, in the order of their ids: a plain text file, or the published pickle made into one.

The one place where a pickle is read: it may hold the built-in types and two of ``collections``, and nothing is called.
"""

import hashlib
import io
import pickle
from pathlib import Path

import torch

from ensemble.errors import LearnerError, first_line
from ensemble.system.files import write_atomic

ALLOWED = ("collections.OrderedDict", "collections.Counter")
# Begins a file of torch.save's first format: four pickles and more, of which the fourth is the object.
TORCH_MAGIC = 0x1950A86A20F9469CFC6C


def read_words(path: Path) -> list[str]:
    """One word per line, as in ``vocab.txt``. Raises LearnerError."""
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LearnerError(f"Cannot read the vocabulary {path}: {first_line(error)}.") from error
    words = list(dict.fromkeys(line for line in lines if line.split() == [line]))
    if len(words) < len(lines):
        raise LearnerError(f"{path} is no vocabulary: it must hold one word per line, each once, and no empty line.")
    return words


def unpickled_words(path: Path) -> list[str]:
    """The words of a published ``vocab.pkl`` or ``vocab.bin``, converted once and read as text from then on.

    Raises LearnerError where the pickle asks for anything but words and numbers in plain containers.
    """
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise LearnerError(f"Cannot read the vocabulary {path}: {first_line(error)}.") from error
    converted = Path(torch.hub.get_dir()) / "vocabularies" / f"{hashlib.sha256(payload).hexdigest()}.txt"
    if not converted.exists():
        write_atomic(converted, "".join(f"{word}\n" for word in _unpickled(payload, path)).encode())
    return read_words(converted)


def _unpickled(payload: bytes, path: Path) -> list[str]:
    stream = io.BytesIO(payload)
    try:
        content = _Plain(stream).load()
        if content == TORCH_MAGIC:
            *_, content = (_Plain(stream).load() for _ in range(3))  # protocol, system, object
    except _RefusedError as error:
        raise LearnerError(
            f"{path} is refused: a vocabulary is words and numbers, and this pickle asks for {error}. "
            "Give a vocab.txt with one word per line instead."
        ) from error
    except Exception as error:  # a damaged pickle fails in a dozen ways
        raise LearnerError(f"{path} is damaged: it is not a complete pickle of a vocabulary.") from error
    ids = content.get("sym2idx") if isinstance(content, dict) else None
    if not isinstance(ids, dict) or not all(isinstance(word, str) and word.split() == [word] for word in ids):
        raise LearnerError(f"{path} is no vocabulary: it must hold 'sym2idx', which gives each word its id.")
    if sorted(number for number in ids.values() if isinstance(number, int)) != list(range(len(ids))):
        raise LearnerError(f"{path} is no vocabulary: its {len(ids)} words must have the ids from 0 on, each once.")
    return sorted(ids, key=ids.__getitem__)


class _RefusedError(Exception):
    """What a pickle asked for."""


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        """A plain dict for both types of ``collections``: unlike Counter, nothing can be set on it."""
        if f"{module}.{name}" not in ALLOWED:
            raise _RefusedError(repr(f"{module}.{name}"[:80]))
        return dict

    def persistent_load(self, identifier: object) -> object:
        raise _RefusedError("tensors")
