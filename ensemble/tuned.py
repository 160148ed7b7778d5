"""What a study found: one file per learner and task, which training reads where a learner is said to be tuned."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from ensemble.errors import StoreError, command
from ensemble.provenance import Provenance
from ensemble.records import BestTrial, TuningNote
from ensemble.system.files import read_json


def read_best(path: Path, learner: str, task: str, provenance: Provenance) -> BestTrial:
    """The best trial's record, its ``params`` to be laid over those that are set; raises StoreError where there is
    none, or where the learner it was found for was made of something else."""
    again = command("tune", learner, "--task", task)
    if not path.is_file():
        raise StoreError(f"base.{learner} is to be tuned and has no {path} yet; run {again}, or set tuned = false.")
    best = cast(BestTrial, read_json(path))
    difference = Provenance.of_record(best).difference(provenance)
    if difference:
        raise StoreError(f"{path} is for another learner: {difference}; run {again}, or set tuned = false.")
    return best


def tuning_note(best: BestTrial) -> TuningNote:
    """What a result says of the tuning behind it."""
    return {
        "study": best["study"],
        "trial": best["trial"],
        "folds": best["folds"],
        "judged": best["judged"],
        "rows": best["rows"],
        "pruned": best["pruned"],
    }


def overlay(params: Mapping[str, object], found: Mapping[str, object]) -> dict[str, object]:
    """Found parameters over set ones, table by table."""
    laid = dict(params)
    for name, value in found.items():
        below = laid.get(name)
        are_tables = isinstance(value, Mapping) and isinstance(below, Mapping)
        laid[name] = overlay(below, value) if are_tables else value  # type: ignore[arg-type]
    return laid
