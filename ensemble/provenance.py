"""What a result was made of: data, folds, learner, parameters. Equal means fresh; a difference is one line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from ensemble.data import Task
from ensemble.errors import StoreError
from ensemble.metrics import spelled
from ensemble.records import BaseRecord
from ensemble.system.files import Json, fingerprint, read_json, write_json

KEY = "made_of"  # in every record
FORMAT = 2  # of results; raise it when the same parameters give other numbers
IMPORTED = "imported"  # stands for the learner of probabilities that were made elsewhere
SOURCES = "sources"  # the files besides the parameters
ASKED = ("task", "classes", "kind", "seed", "fold", "data", "folds")  # what a learner is asked, not what it is


@dataclass(frozen=True, eq=False)
class Provenance:
    """Plain JSON by name, such as ``params.training.lr``. ``data`` and ``folds``, in every one, are the fingerprints of
    the run's rows and fold plan. A part that is not there counts as None."""

    parts: Mapping[str, Json]

    @classmethod
    def of_learner(
        cls, identity: Mapping[str, str], learner: str, task: Task, params: Mapping[str, object]
    ) -> "Provenance":
        """``learner`` is its place in the code, ``params`` its parameters by dotted name."""
        named = {f"params.{name}": value for name, value in params.items()} | _kind(task)
        return _of(format=FORMAT, learner=learner, task=task.name, classes=task.classes, **identity, **named)

    @classmethod
    def of_import(cls, identity: Mapping[str, str], task: Task, files: object) -> "Provenance":
        """Probabilities made elsewhere; ``files`` are hashes of what they were read from."""
        return _of(**identity, learner=IMPORTED, task=task.name, files=files)

    @classmethod
    def of_stack(
        cls, identity: Mapping[str, str], task: Task, choices: Mapping[str, object], learners: "Provenance"
    ) -> "Provenance":
        """A stack with the settings ``choices``, of what ``of_inputs`` says of its ``learners``."""
        judged = {"classes": task.classes, "metric": spelled(task), "ordinal": task.ordinal, **_kind(task)}
        judged |= {"bounds": task.bounds} if task.bounds else {}
        return _of(format=FORMAT, **identity, task=task.name, **judged, **choices, **learners.parts)

    @classmethod
    def of_inputs(cls, records: Mapping[str, BaseRecord]) -> "Provenance":
        """The part of a stack that is of its learners, from their records: which files, and whose folds."""
        return _of(
            **{_input(name): [fingerprint(record["files"]), record["folds"]] for name, record in records.items()}
        )

    @classmethod
    def of_record(cls, record: Mapping[str, object]) -> "Provenance":
        """What a record says; nothing where it says nothing."""
        return cls(cast(Mapping[str, Json], record.get(KEY, {})))

    @classmethod
    def read(cls, path: Path) -> "Provenance | None":
        """From a file of its own; None where there is none, or a damaged one."""
        try:
            return cls(read_json(path))
        except (OSError, StoreError):
            return None

    def write(self, path: Path) -> None:
        write_json(path, dict(self.parts))

    def with_parts(self, **parts: Json) -> "Provenance":
        return replace(self, parts={**self.parts, **parts})

    def without(self, *names: str) -> "Provenance":
        return replace(self, parts={name: value for name, value in self.parts.items() if name not in names})

    def with_sources(self, hashes: Sequence[str]) -> "Provenance":
        """With the files besides the parameters that results depend on."""
        return self.with_parts(**{SOURCES: fingerprint(list(hashes))})

    def of_job(self, seed: int, fold: int) -> "Provenance":
        return self.with_parts(seed=seed, fold=fold)

    def of_all_folds(self, seeds: Sequence[int]) -> "Provenance":
        """Of the jobs' results, joined."""
        return self.without("seed", "fold").with_parts(seeds=list(seeds))

    @property
    def identity(self) -> dict[str, str]:
        """The fingerprints of data and folds."""
        return {name: str(self.parts.get(name)) for name in ("data", "folds")}

    @property
    def task(self) -> str:
        return str(self.parts["task"])

    @property
    def is_imported(self) -> bool:
        return self.parts.get("learner") == IMPORTED

    @property
    def recipe(self) -> str:
        """Equal for results of the same learner with the same parameters and weights, whatever it learns."""
        return json.dumps(self.without(*ASKED).parts, sort_keys=True)

    def has_input(self, name: str) -> bool:
        """Whether a stack was made of a learner, or of ``<task>/<learner>``."""
        return _input(name) in self.parts

    def inputs_of(self, task: str) -> list[str]:
        """The learners of another task that a stack was made of."""
        prefix = _input(f"{task}/")
        return [part.removeprefix(prefix) for part in self.parts if part.startswith(prefix)]

    def fingerprint(self, **more: object) -> str:
        """Of these parts and perhaps ``more``."""
        return fingerprint({**self.parts, **more})

    def difference(self, now: "Provenance", names: Sequence[str] | None = None) -> str | None:
        """``params.views was 10, is now 5``, or None where nothing differs; ``names`` restricts it to some parts."""
        for name in sorted({*self.parts, *now.parts} if names is None else names):
            if self.parts.get(name) != now.parts.get(name):
                if name == SOURCES:  # fingerprints, which tell nobody anything
                    return "the local files it depends on, such as an encoder's folder, were changed, moved or deleted"
                return f"{name} was {self.parts.get(name)!r}, is now {now.parts.get(name)!r}"
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Provenance) and self.difference(other) is None

    __hash__ = None  # type: ignore[assignment]


def _of(**parts: object) -> Provenance:
    """As it will be read again: tuples become lists."""
    return Provenance(json.loads(json.dumps(parts)))


def _kind(task: Task) -> dict[str, str]:
    """Not said of classification, of which results were before there were other kinds."""
    return {} if task.kind == "classification" else {"kind": task.kind}


def _input(name: str) -> str:
    return f"learner.{name}"
