"""The finished results of a run's base learners: which are usable, what they look at, what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from ensemble.bound_learners import BoundLearners, LearnerSpec
from ensemble.data import Task
from ensemble.errors import StoreError, command
from ensemble.modalities import UNKNOWN, describe
from ensemble.provenance import Provenance
from ensemble.records import BaseRecord, CacheUse
from ensemble.result_folder import ResultFolder
from ensemble.store import Store


class Size(TypedDict):
    """Of a network; None where not known."""

    parameters: int | None
    trainable_parameters: int | None


class Cost(Size):
    """``seconds`` that all folds took, with ``features``: the seconds of these that other jobs took to compute features
    which this learner found in the cache; None where that is not known, and not counted."""

    seconds: float
    features: float | None


@dataclass(frozen=True)
class Results:
    """``seeds`` are those each of the learners is trained with."""

    store: Store
    learners: BoundLearners
    seeds: Sequence[int]

    def provenance(self, spec: LearnerSpec, task: Task) -> Provenance:
        """What a learner's joined results for a task are made of now."""
        return self.learners.provenance(spec, task).of_all_folds(self.seeds)

    def imported(self, task: Task) -> list[str]:
        """Names of learners whose probabilities for a task were made elsewhere; a damaged one is among them, so that it
        is refused and not forgotten."""
        ours = self.learners.names()
        folders = [folder for folder in self.store.learners(task.name) if folder.learner not in ours]
        return [folder.learner for folder in folders if folder.record.is_file() and may_be_imported(folder)]

    def base_record(self, name: str, task: Task) -> BaseRecord:
        """The checked record of a learner's finished results for a task; raises StoreError where there are none."""
        folder = self.store.base(name, task.name)
        if name in self.learners.names():
            provenance = self.provenance(self.learners.spec(name), task)
            again = command("train-base", "--learner", name, "--task", task.name)
            return folder.verify(provenance, f"run {again}")
        record = folder.verify(None, "import it again")
        identity = self.learners.identity
        difference = Provenance.of_record(record).difference(Provenance(identity), list(identity))
        if difference:
            raise StoreError(f"{folder.path} is of another run: {difference}; import it again.")
        return record

    def modality(self, name: str, task: Task) -> str:
        """What a learner looks at, in one word; of an imported one, what was said at its import."""
        if name in self.learners.names():
            return describe(self.learners.bind(self.learners.spec(name)).modalities)
        return self.base_record(name, task).get("modality", UNKNOWN)

    def cost(self, name: str, task: Task) -> Cost:
        seconds, features = self.base_record(name, task)["seconds"], self._features(name, task)
        return {"seconds": seconds + (features or 0.0), "features": features, **self.size(name, task)}

    def _features(self, name: str, task: Task) -> float | None:
        records = [folder.read_record() for folder in self.store.base(name, task.name).finished_jobs()]
        uses = [(encoder, use) for record in records for encoder, use in record.get("usage", NO_USE)["cache"].items()]
        total: dict[str, float] = {}
        own: dict[str, float] = {}
        for encoder, use in uses:
            seconds = use.get("seconds")
            if seconds is None:
                return None
            total[encoder] = max(seconds, total.get(encoder, 0.0))
            own[encoder] = own.get(encoder, 0.0) + use.get("own_seconds", 0.0)
        return sum(max(0.0, total[encoder] - own[encoder]) for encoder in total)

    def size(self, name: str, task: Task) -> Size:
        """That of the largest fold model."""
        records = [folder.read_record() for folder in self.store.base(name, task.name).finished_jobs()]
        return {
            "parameters": _most([record.get("parameters") for record in records]),
            "trainable_parameters": _most([record.get("trainable_parameters") for record in records]),
        }


NO_USE: dict[str, dict[str, CacheUse]] = {"cache": {}}  # of the oldest records


def _most(counts: Sequence[int | None]) -> int | None:
    return max((count for count in counts if count is not None), default=None)


def may_be_imported(folder: ResultFolder[BaseRecord]) -> bool:
    """Whether probabilities were made elsewhere; a damaged record does not say that they were not."""
    try:
        provenance = Provenance.of_record(folder.read_record())
        return provenance.is_imported or "learner" not in provenance.parts
    except (OSError, StoreError, AttributeError, TypeError):
        return True
