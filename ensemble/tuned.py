"""What a study found: one file per learner and task, which training reads where a learner is said to be tuned."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble.errors import StoreError
from ensemble.store import first_difference
from ensemble.system.files import read_json

BEST = "best.json"
SAID = ("study", "trial", "folds", "judged", "rows", "pruned")


def read_best(folder: Path, learner: str, task: str, made_of: Mapping[str, Any]) -> dict[str, Any]:
    """The best trial's record, its ``params`` to be laid over those that are set; raises StoreError where there is
    none, or where the learner it was found for was ``made_of`` something else."""
    again = f"`ensemble tune {learner} --task {task}`"
    path = folder / BEST
    if not path.is_file():
        raise StoreError(f"base.{learner} is to be tuned and has no {path} yet; run {again}, or set tuned = false.")
    best = read_json(path)
    difference = first_difference(best.get("made_of", {}), made_of)
    if difference:
        raise StoreError(f"{path} is for another learner: {difference}; run {again}, or set tuned = false.")
    return best


def tuning_note(best: Mapping[str, Any]) -> dict[str, Any]:
    """What a result says of the tuning behind it: ``judged`` are the folds whose rows judged the trials."""
    return {key: best[key] for key in SAID}


def overlay(params: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Found parameters over set ones, table by table."""
    laid = dict(params)
    for name, value in found.items():
        below = laid.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        laid[name] = overlay(below, value) if both else value  # type: ignore[arg-type]
    return laid
