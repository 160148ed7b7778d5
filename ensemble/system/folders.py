"""The one walk over a folder, and the one way in which something below it goes; neither ever follows a link."""

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path


def entries(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where it is gone, no folder, or closed to us."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


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
