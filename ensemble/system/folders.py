"""The one walk over a folder, and the one way in which something below it goes; neither ever follows a link."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from functools import lru_cache
from pathlib import Path
from unicodedata import normalize


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it is gone, no folder, or closed to us."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def as_on_disk(root: Path, name: str) -> str:
    """A path below ``root`` as the disk spells it. Systems differ in how they write "é", as one character or as two; a
    part that is not there as written is the entry that reads the same. Without such a one the name stays."""
    if name.isascii() or _exists(root / name):
        return name
    spelt = Path()
    for part in Path(name).parts:
        if not _exists(root / spelt / part):
            part = _readings(root / spelt, _changed(root / spelt)).get(normalize("NFC", part), part)
        spelt /= part
    return spelt.as_posix() if _exists(root / spelt) else name


@lru_cache(maxsize=64)
def _readings(folder: Path, changed: int) -> dict[str, str]:
    return {normalize("NFC", entry.name): entry.name for entry in entries(folder)}


def _changed(folder: Path) -> int:
    """When something was added to a folder or taken from it, in nanoseconds."""
    try:
        return folder.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a zero in it
        return False


def can_write(folder: Path) -> bool:
    """Whether this process may write into a folder, or make it where it is not there yet."""
    while not _exists(folder) and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def is_folder(path: Path) -> bool:
    """A real one, no link to one."""
    return path.is_dir() and not path.is_symlink()


def subfolders(root: Path, *patterns: str) -> Iterator[Path]:
    """Real folders below ``root``, a pattern for the name of each level."""
    if not patterns:
        yield root
        return
    for path in entries(root):
        if fnmatch(path.name, patterns[0]) and is_folder(path):
            yield from subfolders(path, *patterns[1:])


def files_below(folder: Path, without: Collection[Path] = ()) -> Iterator[Path]:
    """Every file below a folder, links among them, but those at or below one of ``without``."""
    for path in entries(folder):
        if path in without:
            continue
        if is_folder(path):
            yield from files_below(path, without)
        else:
            yield path


def files_of(path: Path) -> list[Path]:
    """A file, or a link, itself; of a folder the files below."""
    return list(files_below(path)) if is_folder(path) else [path]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; a link counts as itself, what is not there as nothing."""
    size = 0
    for file in files_of(path):
        with suppress(FileNotFoundError):  # it may have gone meanwhile
            size += file.lstat().st_size
    return size


def delete_path(path: Path) -> None:
    """Delete a file, a link (not what it leads to) or a folder with all that is in it; what is gone is gone.

    Raises OSError where it cannot go.
    """
    if is_folder(path):
        with suppress(FileNotFoundError):  # somebody else is deleting it, too
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
