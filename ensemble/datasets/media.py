"""Where the images, sounds and videos of a table are: paths in a column, names made of others, or they themselves."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from ensemble.content.images import resolve_inside
from ensemble.datasets.cells import is_missing, row_of, strings
from ensemble.errors import ConfigError, DataError
from ensemble.modalities import get_modality
from ensemble.system.files import write_atomic
from ensemble.system.folders import as_on_disk

FIELD = re.compile(r"\{([^{}]+)\}")
ANY = ".*"  # the ending of a pattern under which any file of that name is meant
MOVING = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")
ENDINGS = {
    "image": (".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif"),
    "audio": (*SOUNDS, *MOVING),
    "video": MOVING,
}
SUFFIXES = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp", b"II*": ".tif"}


@dataclass(frozen=True)
class MediaColumn:
    """How a configuration names the files of a ``kind`` (image, audio, video): ``sources`` is a column, or patterns
    such as ``images/{id}.jpg`` of which the first that exists counts; ``root`` is the folder they are in, ``extracted``
    takes embedded ones, by content."""

    sources: tuple[str, ...]
    root: Path
    extracted: Path
    kind: str = "image"
    listings: dict[Path, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: str, named: str | list[str], root: Path, extracted: Path) -> "MediaColumn":
        return cls((named,) if isinstance(named, str) else tuple(named), root, extracted, kind)

    @property
    def is_pattern(self) -> bool:
        return any(FIELD.search(source) for source in self.sources)

    def columns(self) -> list[str]:
        """The columns of a table that are needed, but for ``{id}``, which may be called otherwise there."""
        if self.is_pattern:
            return sorted({name for source in self.sources for name in FIELD.findall(source)} - {"id"})
        return list(self.sources)

    def __post_init__(self) -> None:
        if not self.is_pattern and len(self.sources) > 1:
            raise ConfigError(
                f"data.{self.kind} must be one column, or patterns such as "
                f"'{self.kind}s/{{id}}{ENDINGS[self.kind][0]}', got {list(self.sources)}."
            )

    def find(self, table: pd.DataFrame, ids: "pd.Series[str]", path: Path) -> tuple["pd.Series[str]", bool, list[str]]:
        """``(paths, embedded, notes)``: (rows,) paths relative to ``root``, or to ``extracted`` where they are embedded
        in the table."""
        plural = get_modality(self.kind).plural
        if self._is_embedded(table):
            found = self._extract(table[self.sources[0]], path, plural)
            count = f"{found.notna().sum():,} {plural}"
            return found, True, [f"{path.name}: {count} in its cells, kept in {self.extracted}"]
        names = list(self._named(table, ids, path))
        spelt = [None if name is None else self._spelt(name) for name in names]
        respelt = sum(a != b for a, b in zip(names, spelt, strict=True) if a is not None)
        notes = [f"{path.name}: {respelt:,} {self.kind} names are spelt otherwise on the disk (Unicode form, slashes)"]
        notes = notes if respelt and not self.is_pattern else []
        self._check_some(spelt, path, plural)
        return pd.Series(spelt, index=table.index, dtype=object), False, notes

    def any_there(self, table: pd.DataFrame, ids: "pd.Series[str]", path: Path) -> bool:
        """Whether a file of these rows is in the folder, or in the table itself."""
        return self._is_embedded(table) or any(
            name is not None and self._is_inside(self._spelt(name)) for name in self._named(table, ids, path)
        )

    def _is_embedded(self, table: pd.DataFrame) -> bool:
        return not self.is_pattern and any(is_embedded(cell) for cell in table[self.sources[0]])

    def _is_inside(self, name: str) -> bool:
        try:
            return _exists(resolve_inside(self.root, name, ""))
        except DataError:
            return False

    def _named(self, table: pd.DataFrame, ids: "pd.Series[str]", path: Path) -> Iterable[str | None]:
        return self._filled(table, ids, path) if self.is_pattern else strings(table[self.sources[0]], path).tolist()

    def _filled(self, table: pd.DataFrame, ids: "pd.Series[str]", path: Path) -> Iterator[str | None]:
        """Of each row the first pattern whose file exists, filled; None where a value for it is missing."""
        values = {name: strings(table[name], path).tolist() for name in self.columns()} | {"id": ids.tolist()}
        for position in range(len(table)):
            row = {name: column[position] for name, column in values.items()}
            where = f"{path}: {row_of(ids, position)}"
            made = [_fill(source, row, where, self.kind) for source in self.sources]
            usable = [self._ending(name) for name in made if name is not None]
            there = (name for name in map(self._spelt, usable) if _exists(self.root / name))
            yield next(there, usable[0] if usable else None)

    def _ending(self, name: str) -> str:
        """A name that ends in ``.*`` with the ending that the file of that name has."""
        if not name.endswith(ANY):
            return name
        pure = PurePosixPath(name.removesuffix(ANY))
        parent = as_on_disk(self.root, str(pure.parent))
        folder = self.root / parent
        if folder not in self.listings:
            names = [entry for entry in sorted(os.listdir(folder)) if self._is_named(entry)] if folder.is_dir() else []
            self.listings[folder] = {_composed(entry.rpartition(".")[0]): entry for entry in reversed(names)}
        return str(PurePosixPath(parent) / self.listings[folder].get(_composed(pure.name), pure.name))

    def _spelt(self, name: str) -> str:
        """The name as the disk has it: composed or decomposed letters, slashes of either kind."""
        if _exists(self.root / name):
            return name
        found = as_on_disk(self.root, name.replace("\\", "/"))
        return found if _exists(self.root / found) else name

    def _check_some(self, names: Sequence[str | None], path: Path, plural: str) -> None:
        """Raises DataError where no file is there, and one of nearly the first one's name is."""
        given = [name for name in names if name is not None]
        if not given or any(_exists(self.root / name) for name in given):
            return
        near = self._near(given[0])
        if near:
            said = f"none of the {len(given):,} {plural} is there; the first would be {given[0][:100]}"
            raise DataError(f"{path}: {said}, but {near}.")

    def _near(self, name: str) -> str | None:
        """What to say where a file of another ending, or in a folder beside, is there."""
        folder, last = (self.root / name).parent, PurePosixPath(name).name
        if ".." in PurePosixPath(name).parts or os.path.isabs(name):
            return None
        if folder.is_dir() and not self.is_pattern:
            images = (entry for entry in sorted(os.listdir(folder)) if self._is_named(entry))
            entry = next((entry for entry in images if entry.rpartition(".")[0] == last), None)
            if entry is not None:
                return f'there is a {entry}: data.{self.kind} = "{{{self.sources[0]}}}.*" takes files of any ending'
        folders = sorted(entry for entry in self.root.iterdir() if entry.is_dir())[:50]
        inner = next((entry.name for entry in folders if _exists(entry / name)), None)
        mend = "data.images names the folder in which paths begin"
        if self.kind != "image":
            mend = f'data.{self.kind} = "{inner}/{{{self.sources[0]}}}" names them'
        return inner and f"there is {inner}/{name[:100]}: {mend}"

    def _extract(self, column: "pd.Series[Any]", path: Path, plural: str) -> "pd.Series[str]":
        """Each embedded file in a file named by its content, written once; names that the cells give count nothing."""
        names: list[str | None] = []
        for position, cell in enumerate(column):
            raw = cell.get("bytes") or cell.get("path") if isinstance(cell, dict) else cell
            if is_missing(raw):
                names.append(None)
                continue
            if not isinstance(raw, bytes | bytearray | memoryview):
                where = f"{path}: {row_of(column, position)}: {str(column.name)[:60]!r}"
                what = f"holds no {self.kind} where other rows hold {plural} themselves"
                raise DataError(f"{where} {what}; one kind is needed.")
            raw = bytes(raw)
            suffix = f".{self.kind}"
            if self.kind == "image":
                suffix = next((suffix for start, suffix in SUFFIXES.items() if raw.startswith(start)), ".img")
            file = self.extracted / f"{hashlib.sha256(raw).hexdigest()}{suffix}"
            if not file.exists() or file.stat().st_size != len(raw):
                write_atomic(file, raw)
            names.append(file.name)
        return pd.Series(names, index=column.index, dtype=object)

    def _is_named(self, entry: str) -> bool:
        """Whether a file is called as those of the kind are."""
        return entry.lower().endswith(ENDINGS[self.kind])


def is_image(name: str) -> bool:
    """Whether a file is called as images are."""
    return name.lower().endswith(ENDINGS["image"])


def are_there(names: Sequence[str], endings: tuple[str, ...], root: Path) -> bool:
    """Whether most of these are files below ``root`` that end so."""
    return sum(name.lower().endswith(endings) and _exists(root / name) for name in names) * 2 > len(names)


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a zero in it: refused where images are looked at
        return False


def _fill(pattern: str, row: dict[str, Any], where: str, kind: str) -> str | None:
    """The pattern with a row's values; raises DataError where they lead out of the pattern's folder."""
    if any(row[name] is None for name in FIELD.findall(pattern)):
        return None
    made = FIELD.sub(lambda found: str(row[found[1]]), pattern)
    folder = os.path.normpath(FIELD.split(pattern)[0].rpartition("/")[0] or ".")
    inner = os.path.relpath(os.path.normpath(made), folder)
    if os.path.isabs(made) or "\0" in made or inner.split(os.sep)[0] == os.pardir:
        said = f"{kind} path {made[:100]!r} leaves the {kind} folder {folder!r}"
        raise DataError(f"{where}: {said}; it must stay inside.")
    return made


def is_embedded(cell: object) -> bool:
    return isinstance(cell, bytes | bytearray | memoryview) or (isinstance(cell, dict) and "bytes" in cell)
