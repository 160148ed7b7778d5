"""Freeing disk space: what may go from a run folder and its cache goes, unless somebody is using it."""

from collections.abc import Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from ensemble.errors import ConfigError, StoreError, unknown
from ensemble.run import Run
from ensemble.store import JobFolder
from ensemble.system.files import read_json, write_json
from ensemble.system.folders import delete_path
from ensemble.system.locks import hold
from ensemble.upkeep.inventory import Inventory, Removable, in_use

KINDS = {
    "checkpoints": "of trainings that are over; named, also those that would be gone on from",
    "stale": "results of other data, folds or parameters, or damaged",
    "failed": "what failed jobs left",
    "temporary": "what killed processes left",
    "cache": "features, pixels, tokens, translations, lists of near-copies; made again when needed",
    "models": "fold models; without them new posts cannot be predicted",
    "trials": "trials of tuning",
    "ablation": "learners trained without a modality",
    "teachers": "learners trained without a fold, by which distilled models are judged",
    "dropped": "results of what the configuration no longer has",
}
BUSY, CHANGED = "in use", "it has changed meanwhile"


@dataclass(frozen=True)
class KindTotals:
    """Of a kind all that there is, and the bytes of what goes."""

    places: int
    files: int
    bytes: int
    going_bytes: int


@dataclass(frozen=True)
class Removal:
    """What goes from a folder, and why."""

    kind: str
    folder: str
    why: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Refusal:
    """A folder from which something was to go and stays, and why."""

    kind: str
    folder: str
    why: str


@dataclass(frozen=True)
class Cleanup:
    """Totals of each kind; the ``items`` that go, or have gone where it was ``deleted``, and those ``left``."""

    kinds: dict[str, KindTotals]
    items: tuple[Removal, ...]
    left: tuple[Refusal, ...]
    bytes: int
    deleted: bool


def clean(run: Run, kinds: Sequence[str] = (), match: str = "", delete: bool = False) -> Cleanup:
    """What may go; with ``delete`` it is gone. What takes hours to make goes only where it is named.

    ``match`` is a part of the folder's path in the run folder or the cache. Never touched: what lies outside these or
    behind a link, what a process is at, imported probabilities, the fold plan, the run's record, results of learners
    that have to be tuned first. Raises ConfigError for a kind there is not.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(unknown("kind", kind, KINDS))
    inventory = Inventory(run)
    items = [item for item in inventory.everything() if match in inventory.place(item.folder)]
    going: list[Removable] = []
    refused: list[Refusal] = []
    for item in items:
        if item.kind not in kinds if kinds else item.only_if_named:
            continue
        reason = _why_not(inventory, item) or (_remove(inventory, item) if delete else None)
        if reason is None:
            going.append(item)
        else:
            refused.append(Refusal(item.kind, str(item.folder), reason))
    goes = {id(item) for item in going}
    return Cleanup(
        {kind: _totals([item for item in items if item.kind == kind], goes) for kind in KINDS},
        tuple(Removal(item.kind, str(item.folder), item.why, item.files, item.bytes) for item in going),
        tuple(refused),
        sum(item.bytes for item in going),
        delete,
    )


def _totals(items: Sequence[Removable], goes: Set[int]) -> KindTotals:
    return KindTotals(
        len(items),
        sum(item.files for item in items),
        sum(item.bytes for item in items),
        sum(item.bytes for item in items if id(item) in goes),
    )


def _why_not(inventory: Inventory, item: Removable) -> str | None:
    """Why an item must stay; None where it need not."""
    if item.kind == "temporary":
        return None
    folder = item.folder.parent if item.kind == "trials" else item.folder  # a trial is claimed beside its results
    busy = inventory.is_busy() if item.kind == "cache" else in_use(inventory.root, folder)
    return BUSY if busy else None


def _remove(inventory: Inventory, item: Removable) -> str | None:
    """Delete what the item has by now, while nobody can begin to work on it; why not, where it stays."""
    try:
        with nullcontext() if item.lock is None else hold(item.lock, wait=False):
            key = (item.kind, item.only_if_named)
            now = [other for other in item.find_again() if (other.kind, other.only_if_named) == key]
            if not now:
                return CHANGED
            reason = _why_not(inventory, item)
            if reason is None:
                _delete(now[0])
            return reason
    except Timeout:
        return BUSY
    except OSError as error:
        return str(error.strerror or error)


def _delete(item: Removable) -> None:
    if item.kind == "models":
        try:
            _forget_model(item.folder)
        except StoreError:  # the disk is too full for a shorter record: delete first
            _delete_paths(item.paths)
            _forget_model(item.folder)
    _delete_paths(item.paths)


def _delete_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        delete_path(path)


def _forget_model(path: Path) -> None:
    """A job's record as if it had been done with keep_models = "none"."""
    folder = JobFolder(path)
    record = read_json(folder.record)
    for part in ("files", "stamps"):
        kept = {name: value for name, value in record.get(part, {}).items() if not name.startswith("model/")}
        record[part] = kept
    write_json(folder.record, record)
