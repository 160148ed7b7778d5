"""Writing a configuration to the user's folder: a recipe of the package, or one made by a look at the tables."""

import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ensemble.errors import ConfigError, unknown
from ensemble.system.files import write_atomic

BARE = re.compile(r"[A-Za-z0-9_-]+")
IMAGE_ENCODER = "timm/mobilenetv2_100.ra_in1k"
ENCODERS = {
    "text": "sentence-transformers/all-MiniLM-L6-v2",
    "image": IMAGE_ENCODER,
    "audio": "openai/whisper-tiny.en",
    "video": IMAGE_ENCODER,
}
OF_CLIPS = """\
[base.sound]
learner = "frozen"
params = { audio = "openai/whisper-tiny.en", audio_layer = "mean", balance = 0.5 }

[base.frames]
learner = "frozen"
params = { video = "mobilenetv2_100", fps = 3, balance = 0.5 }

"""


def write_recipe(preset: str, root: Path, out: Path) -> Path:
    """The file written; raises ConfigError for an unknown preset, a missing folder, or a file that is already there."""
    recipe = recipe_of(preset)
    if not root.is_dir():
        raise ConfigError(f"--root {root} is not a folder; it must hold the dataset.")
    _check_new(out)
    text = recipe.read_text(encoding="utf-8").replace("@ROOT@", _relative(root, out).replace('"', '\\"'))
    write_atomic(out, text.encode())
    return out


def recipe_of(preset: str) -> Traversable:
    """The package's file; raises ConfigError for an unknown preset."""
    recipes = {
        entry.name.removesuffix(".toml"): entry
        for entry in files("cli.recipes").iterdir()
        if entry.name.endswith(".toml")
    }
    if preset not in recipes:
        raise ConfigError(unknown("preset", preset, recipes))
    return recipes[preset]


def sketch_recipe(
    root: Path | None, train: Path, labels: Sequence[str], given: Mapping[str, str], out: Path
) -> tuple[Path, list[str]]:
    """``(file, lines)``: a configuration of the csv preset that runs as it is, and what was assumed to write it.

    ``root`` defaults to the folder of ``train``. Raises ConfigError and DataError where the tables do not tell enough.
    """
    from ensemble.datasets.sketch import sketch

    _check_new(out)
    train, given = _below(root, train), dict(given)
    folder = (root or train.parent).resolve()
    if "test" in given:
        given["test"] = _name(_below(root or train.parent, Path(given["test"])), folder)
    made = sketch(folder, _name(train, folder), labels, given, out.resolve().parent / "artifacts/cache/embedded")
    recipe = files("cli.recipes").joinpath("csv.toml").read_text(encoding="utf-8")
    modalities = {kind for kind in ENCODERS if kind in made.options}
    if "video" in modalities:
        modalities.add("audio")  # its own sound serves
    rest, assumed = _learners("[folds]" + recipe.partition("[folds]")[2], modalities)
    if all(isinstance(task, dict) for task in made.tasks.values()):
        rest = _of_numbers(rest)
    lines = [f"# {line}" for line in made.assumed]
    data = {"preset": "csv", "root": _relative(folder, out), **made.options}
    table = [f"{key} = {_toml(value)}" for key, value in data.items()]
    tasks = [f"{_key(name)} = {_toml(classes)}" for name, classes in made.tasks.items()]
    head = [
        "# Written by a look at the tables:",
        *lines,
        "",
        "[data]",
        *table,
        "",
        "[data.tasks]",
        *tasks,
    ]
    write_atomic(out, ("\n".join(head) + "\n\n" + rest).encode())
    return out, [*made.assumed, *assumed]


def _learners(text: str, modalities: Collection[str]) -> tuple[str, list[str]]:
    """The part of the recipe behind [data] with the learners that these modalities allow; an encoder that cannot be
    had without a network is left to the user."""
    needs = {"tfidf": ["text"], "text": ["text"], "image": ["image"], "both": ["text", "image"]}
    needs |= {"sound": ["audio"], "frames": ["video"]}
    text, left_out = text.replace("[stack]", OF_CLIPS + "[stack]"), []
    for name, kinds in needs.items():
        found = re.search(rf"\[base\.{name}\]\n(.+\n)+\n?", text)
        if found is None:
            continue
        if not set(kinds) <= set(modalities):
            text = text.replace(found[0], "")
        elif name != "tfidf" and not all(_can_be_had(ENCODERS[kind]) for kind in kinds):
            left_out.append(name)
            text = text.replace(found[0], re.sub(r"^(?=.)", "# ", found[0], flags=re.MULTILINE))
    if not re.search(r"^\[base\.", text, re.MULTILINE):  # something must run
        text = text.replace("[stack]", '[base.prior]\nlearner = "prior"\n\n[stack]')
    note = f"learners {', '.join(left_out)}: left out, as their encoders are not here and the hub is switched off"
    return text, [note] if left_out else []


def _of_numbers(text: str) -> str:
    """The part of the recipe behind [data] without what is of classes alone."""
    text = text.replace("params = { balance = 0.5 }\n", "").replace(", balance = 0.5", "")
    return re.sub(r"# metrics = .*\n.*\n", '# metrics = { stars = "pearson" }   # default: mae\n', text)


def _can_be_had(repository: str) -> bool:
    """Whether the hub may be asked for an encoder, or has been before."""
    from huggingface_hub import constants, try_to_load_from_cache

    return not constants.HF_HUB_OFFLINE or isinstance(try_to_load_from_cache(repository, "config.json"), str)


def _check_new(out: Path) -> None:
    if out.exists():
        raise ConfigError(f"{out} is already there; delete it or give --out another name.")


def _below(root: Path | None, file: Path) -> Path:
    """The file as named from here, or from the root."""
    return root / file if root is not None and not file.is_file() else file


def _name(file: Path, root: Path) -> str:
    """What a file is called below the root; raises ConfigError for one elsewhere."""
    if not file.resolve().is_relative_to(root):
        raise ConfigError(f"{file} is not below {root}; --root names the folder that holds all of the dataset.")
    return file.resolve().relative_to(root).as_posix()


def _relative(root: Path, out: Path) -> str:
    return Path(os.path.relpath(root.resolve(), out.resolve().parent)).as_posix()


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else _toml(name)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(name)} = {_toml(inner)}' for name, inner in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
