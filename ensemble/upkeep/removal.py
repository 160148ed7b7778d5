"""Making room: what may go from a run folder and its cache goes, unless somebody is using it."""

import shutil
from collections.abc import Sequence, Set
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from filelock import Timeout

from ensemble.errors import ConfigError, StoreError, unknown
from ensemble.run import Run
from ensemble.store import JobFolder
from ensemble.system.files import read_json, write_json
from ensemble.system.locks import hold
from ensemble.upkeep.inventory import Inventory, Item, in_use

KINDS = {
    "checkpoints": "of trainings that are over; named, also those that would be gone on from",
    "stale": "results of other data, folds or parameters, or damaged",
    "failed": "what failed jobs left",
    "temporary": "what killed processes left",
    "cache": "features, pixels, tokens, translations; made again when needed",
    "models": "fold models; without them new posts cannot be predicted",
    "trials": "trials of tuning",
    "ablation": "learners trained without a modality",
    "dropped": "results of what the configuration no longer has",
}
BUSY, CHANGED = "in use", "it has changed meanwhile"


def clean(run: Run, kinds: Sequence[str] = (), match: str = "", delete: bool = False) -> dict[str, Any]:
    """What may go, as plain JSON; with ``delete`` it is gone. What takes hours to make goes only where it is named.

    ``match`` is a part of the folder's path in the run folder or the cache. Never touched: what lies outside these or
    behind a link, what a process is at, imported probabilities, the fold plan, the run's record, results of learners
    that have to be tuned first. Raises ConfigError for a kind there is not.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise ConfigError(unknown("kind", kind, KINDS))
    finder = Inventory(run)
    found = [item for item in finder.everything() if match in finder.place(item.folder)]
    going: list[Item] = []
    left: list[dict[str, str]] = []
    for item in found:
        if item.kind not in kinds if kinds else item.asked:
            continue
        reason = _why_not(finder, item) or (_remove(finder, item) if delete else None)
        if reason is None:
            going.append(item)
        else:
            left.append({"kind": item.kind, "folder": str(item.folder), "why": reason})
    goes = {id(item) for item in going}
    return {
        "kinds": {kind: _sums([item for item in found if item.kind == kind], goes) for kind in KINDS},
        "items": [
            {"kind": item.kind, "folder": str(item.folder), "why": item.why, "files": item.files, "bytes": item.bytes}
            for item in going
        ],
        "left": left,
        "bytes": sum(item.bytes for item in going),
        "deleted": delete,
    }


def _sums(found: Sequence[Item], goes: Set[int]) -> dict[str, int]:
    return {
        "places": len(found),
        "files": sum(item.files for item in found),
        "bytes": sum(item.bytes for item in found),
        "going_bytes": sum(item.bytes for item in found if id(item) in goes),
    }


def _why_not(finder: Inventory, item: Item) -> str | None:
    """Why an item must stay; None where it need not."""
    if item.kind == "temporary":
        return None
    folder = item.folder.parent if item.kind == "trials" else item.folder  # a trial is claimed beside its results
    busy = finder.is_busy() if item.kind == "cache" else in_use(finder.root, folder)
    return BUSY if busy else None


def _remove(finder: Inventory, item: Item) -> str | None:
    """Delete what the item has by now, while nobody can begin to work on it; why not, where it stays."""
    try:
        with nullcontext() if item.lock is None else hold(item.lock, wait=False):
            now = [one for one in item.again() if (one.kind, one.asked) == (item.kind, item.asked)]
            if not now:
                return CHANGED
            reason = _why_not(finder, item)
            if reason is None:
                _delete(now[0])
            return reason
    except Timeout:
        return BUSY
    except OSError as error:
        return str(error.strerror or error)


def _delete(item: Item) -> None:
    if item.kind == "models":
        try:
            _forget_model(item.folder)
        except StoreError:  # the disk is too full for a shorter record: make room first
            _delete_paths(item.paths)
            _forget_model(item.folder)
    _delete_paths(item.paths)


def _delete_paths(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _forget_model(path: Path) -> None:
    """A job's record as if it had been done with keep_models = "none"."""
    folder = JobFolder(path)
    record = read_json(folder.record)
    for part in ("files", "stamps"):
        kept = {name: value for name, value in record.get(part, {}).items() if not name.startswith("model/")}
        record[part] = kept
    write_json(folder.record, record)
