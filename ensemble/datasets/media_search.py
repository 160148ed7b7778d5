"""Where the images of a table nobody has described are: paths in a column, the cells themselves, files named by ids."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ensemble.datasets.media import is_embedded, is_image

LOOKED_AT = 50  # images looked for in a folder
FOLDERS = 200
Found = tuple[dict[str, str], str]  # options of the csv preset, and in words


def find_images(table: pd.DataFrame, names: Sequence[str], root: Path, sure: bool, id: str | None) -> Found | None:
    """What the configuration must say, if any of these columns tells; ``sure`` if the only one must."""
    return _embedded(table, names) or _paths(table, names, root, sure) or _patterns(table, names, root, id)


def _embedded(table: pd.DataFrame, names: Sequence[str]) -> Found | None:
    name = next((name for name in names if table[name].map(is_embedded).any()), None)
    return ({"image": name}, f"column {name}, whose cells hold the images themselves") if name else None


def _paths(table: pd.DataFrame, names: Sequence[str], root: Path, sure: bool) -> Found | None:
    for name in names:
        values = first_names(table[name])
        if sure or sum(is_image(value) for value in values) * 2 > len(values) > 0:
            folder = _with_most(_folders(root), root, values)
            if folder is not None:
                options = {"image": name} | ({"images": folder} if folder != "." else {})
                return options, f"column {name}, paths in {'the folder of the table' if folder == '.' else folder}"
    return None


def _patterns(table: pd.DataFrame, names: Sequence[str], root: Path, id: str | None) -> Found | None:
    for name in dict.fromkeys([*([id] if id in names else []), *names]):
        pattern = _pattern(str(name), first_names(table[name]), _folders(root), root, name == id)
        if pattern is not None:
            return {"image": pattern}, f"files {pattern}, named by the column {name}"
    return None


def first_names(column: "pd.Series[Any]") -> list[str]:
    return [str(cell).strip() for cell in column if isinstance(cell, str | int) and str(cell).strip()][:LOOKED_AT]


def _folders(root: Path) -> list[str]:
    """The root and the folders down to two below it."""
    inner = [path for path in sorted(root.glob("*/")) + sorted(root.glob("*/*/")) if not path.name.startswith(".")]
    return [".", *(path.relative_to(root).as_posix() for path in inner[:FOLDERS])]


def _with_most(folders: Sequence[str], root: Path, names: Sequence[str]) -> str | None:
    counts = {folder: sum(os.path.exists(root / folder / name) for name in names) for folder in folders}
    best = max(folders, key=lambda folder: counts[folder])
    return best if counts[best] else None


def _pattern(name: str, values: Sequence[str], folders: Sequence[str], root: Path, is_id: bool) -> str | None:
    """``images/{id}.jpg`` where files of these names are in a folder, ``.*`` where their endings differ."""
    for folder in folders:
        stems: dict[str, str] = {}
        for entry in os.listdir(root / folder):
            if is_image(entry):
                stems[entry.rpartition(".")[0]] = entry.rpartition(".")[2]
        endings = {stems[value] for value in values if value in stems}
        if endings:
            place = "" if folder == "." else f"{folder}/"
            return f"{place}{{{'id' if is_id else name}}}.{endings.pop() if len(endings) == 1 else '*'}"
    return None
