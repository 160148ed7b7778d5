"""Arrays out of published pickles, which nothing but a conversion ever reads.

A pickle may hold built-in types and numpy's arrays of numbers and texts. Not even numpy's own functions are called by
it: what it asks for by their names is a stand-in of ours, which checks types, shapes and sizes before anything is made.
"""

import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ensemble.content.file_kinds import HEAD, what_starts
from ensemble.errors import DataError

MAX_BYTES = 64_000_000_000
MAX_DIMENSIONS, MAX_TEXT = 4, 100_000
MAX_LISTED = 10_000_000  # numbers in lists
TYPE = re.compile(r"([biufSUO])(\d*)")
Values = np.ndarray[Any, np.dtype[Any]]


def read_arrays(path: Path) -> Any:
    """Dicts, lists, tuples, texts, numbers and Arrays. Raises DataError, naming what else a pickle asks for."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
            if file.seek(0, 2) > MAX_BYTES:
                raise DataError(f"{path} is over {MAX_BYTES:,} bytes.")
            file.seek(0)
            return _Plain(file, encoding="latin1").load()
    except OSError as error:
        raise DataError(f"Cannot read {path} ({error.strerror}).") from error
    except _RefusedError as error:
        raise DataError(f"{path} is refused: features are arrays and plain containers; it asks for {error}.") from error
    except DataError:
        raise
    except Exception as error:  # a damaged pickle fails in a dozen ways
        what = what_starts(head)
        found = (
            "no complete pickle" if what in (None, "a text") else f"{what}, no pickle"
        )  # some pickles look like texts
        raise DataError(f"{path} is {found}.") from error


class _RefusedError(Exception):
    """What a pickle asked for."""


class Array:
    """One array, once its state has come: ``value``. No method of numpy is within a pickle's reach."""

    __slots__ = ("value",)

    def __init__(self, value: Values | None = None) -> None:
        self.value = value

    def __setstate__(self, state: Any) -> None:
        shape, kind, fortran, data = state[-4:]  # before them a version, from the second on
        self.value = _made(shape, kind, "F" if fortran else "C", data)


def plain(value: Any) -> Any:
    """What an Array holds, and anything else as it is."""
    return value.value if isinstance(value, Array) else value


def array_of(value: Any) -> Values:
    """What numpy makes of an Array, a number, or a list of numbers or of lists of them; raises ValueError for more:
    lists that hold one another again and again are small in a file."""
    value = plain(value)
    if isinstance(value, list | tuple):
        rows = [one if isinstance(one, list | tuple) else [one] for one in value]
        if sum(map(len, rows)) > MAX_LISTED or any(isinstance(one, list | tuple) for row in rows for one in row):
            raise ValueError(f"lists of lists of lists, or of over {MAX_LISTED:,} numbers")
    return np.asarray(value)


def text_of(value: Any) -> str:
    """A text, or several texts or numbers joined; raises TypeError for what holds more than these."""
    value = plain(value)
    parts = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    parts = parts if isinstance(parts, list | tuple) else [parts]
    if any(isinstance(plain(one), np.ndarray | list | tuple) for one in parts):
        raise TypeError("a text made of lists of lists")
    return "_".join(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in parts)


class _Type:
    """numpy.dtype: of one kind, without fields."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        found = TYPE.fullmatch(code) if isinstance(code, str) else None
        size = int(found[2] or 0) if found else 0
        if found is None or size > (MAX_TEXT if found[1] in "SU" else 8):
            raise _RefusedError(f"values of the type {str(code)[:40]!r}")
        self.code = found[0]
        self.order: Literal["<", ">", "|", "="] = "="

    def __setstate__(self, state: Any) -> None:
        order, *fields = state[1:5]
        if order not in ("<", ">", "|", "=") or any(field is not None for field in fields):
            raise _RefusedError("values of several fields")
        self.order = order

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(object) if self.code[0] == "O" else np.dtype(self.code).newbyteorder(self.order)


class _Name:
    """What stands for a name of numpy's: it can be called, and nothing can be set on it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, state: object) -> None:
        raise _RefusedError("the state of a function")


def _made(shape: Any, kind: Any, order: Any, data: Any) -> Values:
    """Raises _RefusedError unless ``data`` is exactly what the shape and the type say."""
    sizes = isinstance(shape, tuple) and len(shape) <= MAX_DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
    if not sizes or not isinstance(kind, _Type) or order not in ("C", "F"):
        raise _RefusedError(f"an array of the shape {str(shape)[:40]}")
    count, dtype = math.prod(shape), kind.dtype
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != count:
            raise _RefusedError("an array that is not what its shape says")
        made = np.empty(count, dtype=object)
        for n, one in enumerate(data):
            made[n] = one
        return made.reshape(shape)  # listed row by row, whatever the order in memory was
    raw = data.encode("latin-1") if isinstance(data, str) else data  # of Python 2 all bytes are texts
    if not isinstance(raw, bytes | bytearray) or len(raw) != count * dtype.itemsize:
        raise _RefusedError("an array that is not what its shape says")
    if count and not raw:  # texts without a letter: of any number of them nothing would be in the file
        raise _RefusedError("an array that is not what its shape says")
    return np.frombuffer(raw, dtype).reshape(shape, order=order) if count else np.zeros(shape, dtype)


def _reconstructed(*arguments: object) -> Array:
    """As pickles have it: an empty array, whose state is to come."""
    return Array()


def _scalar(kind: Any, data: Any) -> object:
    if not isinstance(kind, _Type) or kind.code[0] == "O":
        raise _RefusedError("a single object of numpy's")
    return _made((), kind, "C", data).item()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any) -> Array:
    return Array(_made(shape, kind, order, data))


def _encoded(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise _RefusedError("the encoding of a text")
    return text.encode("latin-1")


def _no_bytes(*arguments: object) -> bytes:
    """As early protocols have it: no bytes, such as of an empty array, are what their type makes of nothing."""
    if arguments:
        raise _RefusedError("bytes made of something")
    return b""


def _never(*arguments: object) -> object:
    raise _RefusedError("an array without its state")


NAMES: dict[str, Callable[..., object]] = {
    "numpy.ndarray": _never,
    "numpy.dtype": _Type,
    "_codecs.encode": _encoded,
    "__builtin__.bytes": _no_bytes,
    **{f"numpy.{core}.multiarray._reconstruct": _reconstructed for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}


def _bytearray(unpickler: Any) -> None:
    """What is there of so many bytes; pickle's own would make room for all of them first."""
    unpickler.append(bytearray(unpickler.read(int.from_bytes(unpickler.read(8), "little"))))


class _Plain(pickle._Unpickler):
    """The one in Python: of the one in C a few bytes can ask for all memory there is."""

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _bytearray}

    def find_class(self, module: str, name: str) -> object:
        make = NAMES.get(f"{module}.{name}")
        if make is None and not re.fullmatch(r"[\w.]+", module + name):
            raise pickle.UnpicklingError("no name: a table of texts may begin like a pickle")
        if make is None:
            raise _RefusedError(repr(f"{module}.{name}"[:80]))
        return _Name(make)

    def persistent_load(self, identifier: object) -> object:
        raise _RefusedError("objects that are elsewhere")
