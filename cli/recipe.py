"""Writing a recipe of the package to the user's folder, with the dataset's place filled in."""

import os
from importlib.resources import files
from pathlib import Path

from ensemble.errors import ConfigError, unknown
from ensemble.system.files import write_atomic


def write_recipe(preset: str, root: Path, out: Path) -> Path:
    """The file written; raises ConfigError for an unknown preset, a missing folder, or a file that is already there."""
    recipes = {
        entry.name.removesuffix(".toml"): entry
        for entry in files("cli.recipes").iterdir()
        if entry.name.endswith(".toml")
    }
    if preset not in recipes:
        raise ConfigError(unknown("preset", preset, recipes))
    if not root.is_dir():
        raise ConfigError(f"--root {root} is not a folder; it must hold the dataset.")
    if out.exists():
        raise ConfigError(f"{out} is already there; delete it or give --out another name.")
    relative = os.path.relpath(root.resolve(), out.resolve().parent)
    text = recipes[preset].read_text(encoding="utf-8").replace("@ROOT@", Path(relative).as_posix().replace('"', '\\"'))
    write_atomic(out, text.encode())
    return out
