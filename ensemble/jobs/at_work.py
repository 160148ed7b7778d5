"""Which settings the commands at work in a run folder have: of two that differ each would undo what the other makes."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ensemble.errors import StoreError
from ensemble.store import Store
from ensemble.system.claims import claim, owner_of
from ensemble.system.files import read_json, write_json
from ensemble.system.folders import delete_path, entries
from ensemble.system.processes import mark

FOLDER, SETTINGS = "at-work", "settings.json"
Settings = Mapping[str, Mapping[str, object]]  # by section, such as "base.tfidf"


@contextmanager
def at_work(store: Store, settings: Settings) -> Iterator[None]:
    """Inside, this process counts as at work with these settings. Raises StoreError where another one is that has other
    values in a section both have; what processes that are gone have left goes."""
    place = store.root / FOLDER / mark()
    with ExitStack() as stack:
        with store.lock():
            _check_others(store, json.loads(json.dumps(settings)))
            stack.callback(_leave, place)
            stack.enter_context(claim(place))
            write_json(place / SETTINGS, settings)
        yield


def _check_others(store: Store, settings: Settings) -> None:
    for other in entries(store.root / FOLDER):
        if owner_of(other) is None:
            delete_path(other)
            continue
        theirs = read_json(other / SETTINGS)
        for section in settings.keys() & theirs.keys():
            ours, others = settings[section], theirs[section]
            for name in sorted({*ours, *others}):
                if ours.get(name) != others.get(name):
                    raise StoreError(
                        f"Another command is at work in {store.root} with other settings: there {section}.{name} is "
                        f"{others.get(name)!r}, here {ours.get(name)!r}. Wait for its end, or choose another "
                        "run.folder."
                    )


def _leave(place: Path) -> None:
    with suppress(OSError):
        delete_path(place)
        place.parent.rmdir()  # where no other is at work
