"""The run folder: the only module that knows where things lie in it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from ensemble.provenance import KEY, Provenance
from ensemble.records import BaseRecord, DistilledRecord, FailureRecord, JobRecord, Record, StackRecord
from ensemble.result_folder import DONE, FAILED, REPORT, ResultFolder
from ensemble.system.claims import Claim, claim
from ensemble.system.files import write_json
from ensemble.system.folders import can_write
from ensemble.system.locks import hold
from ensemble.system.progress import FILE as PROGRESS

BASE, TRAINING, BEST = "base", "training", "best.json"
# Patterns of folders below a run folder, a level each.
LEARNERS = (BASE, "*", "*")
FOLDS = ("seed-*", "fold-*")
TRIALS = ("tune", "*", "*", "trials")
ABLATIONS = ("ablation", "without-*")
TEACHERS = ("teachers", "without-fold-*")


@dataclass(frozen=True)
class Job:
    """The unit of work: one learner, one task, one seed, one fold."""

    learner: str
    task: str
    seed: int
    fold: int

    def __str__(self) -> str:
        return f"{self.learner} / {self.task} / seed {self.seed} / fold {self.fold}"


class JobFolder(ResultFolder[JobRecord]):
    """The result of a job, and what it needs while it is under way."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, DONE)

    @property
    def training(self) -> Path:
        """What the job needs to go on after it was killed."""
        return self.path / TRAINING

    @property
    def training_provenance(self) -> Path:
        return self.training / f"{KEY}.json"

    @property
    def progress(self) -> Path:
        """Where a job that runs in another process says how far it is."""
        return self.path / PROGRESS

    @property
    def curve(self) -> Path:
        """The learning curve, a row per epoch."""
        return self.path / "curve.csv"

    @property
    def failure(self) -> Path:
        return self.path / FAILED

    def prepare_training(self, provenance: Provenance) -> None:
        """Make room for unfinished work; what was begun with other data, folds or parameters goes."""
        if self.training.exists() and Provenance.read(self.training_provenance) != provenance:
            shutil.rmtree(self.training)
        if not self.training_provenance.exists():
            provenance.write(self.training_provenance)

    def is_training_of(self, provenance: Provenance) -> bool:
        """Whether a training of this, by however many processes, would go on from here."""
        begun = Provenance.read(self.training_provenance)
        return begun is not None and begun.without("processes") == provenance

    def discard_training(self) -> None:
        shutil.rmtree(self.training, ignore_errors=True)

    def record_failure(self, provenance: Provenance, reason: str, traceback: str | None) -> None:
        failure: FailureRecord = {"made_of": dict(provenance.parts), "reason": reason}
        if traceback is not None:
            failure["traceback"] = traceback
        write_json(self.failure, failure)


class LearnerFolder(ResultFolder[BaseRecord]):
    """The joined results of a learner for a task, and those of its jobs below."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, REPORT)

    @property
    def learner(self) -> str:
        return unquote(self.path.parent.name)

    @property
    def task(self) -> str:
        return unquote(self.path.name)

    def jobs(self) -> list[JobFolder]:
        """Every folder of a job that is there."""
        return [JobFolder(path) for path in sorted(self.path.glob("/".join(FOLDS)))]

    def finished_jobs(self) -> list[JobFolder]:
        return [folder for folder in self.jobs() if folder.record.is_file()]


class Store:
    """Results below ``root``; what tuning found stays with the run they are variants of, below ``home``."""

    def __init__(self, root: Path, home: Path | None = None) -> None:
        self.root = root
        self.home = home or root

    @property
    def plan(self) -> Path:
        return self.root / "folds.parquet"

    @property
    def plan_settings(self) -> Path:
        return self.plan.with_suffix(".json")

    @property
    def record(self) -> Path:
        return self.root / "run.json"

    @property
    def submission(self) -> Path:
        return self.root / "submission"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    def has_begun(self) -> bool:
        """Whether there is a place for results, finished or not."""
        return (self.root / BASE).exists()

    def has_results(self) -> bool:
        """Whether any job is done, or anything imported."""
        return any({DONE, REPORT} & set(names) for _, _, names in os.walk(self.root / BASE))

    def base(self, learner: str, task: str) -> LearnerFolder:
        return LearnerFolder(self.root / BASE / quote(learner, safe="") / quote(task, safe=""))

    def learners(self, task: str) -> list[LearnerFolder]:
        """Of every learner that has a folder, whether or not it has results for the task."""
        return [self.base(unquote(path.name), task) for path in sorted((self.root / BASE).glob("*"))]

    def learner_folders(self) -> list[LearnerFolder]:
        """Those of all learners and tasks that are there."""
        return [LearnerFolder(path) for path in sorted(self.root.glob("/".join(LEARNERS))) if path.is_dir()]

    def others_beside(self) -> Iterator["Store"]:
        """The run folders beside this one that have results."""
        for path in sorted(self.root.parent.glob(f"*/{BASE}")):
            if path.parent != self.root:
                yield Store(path.parent)

    def job(self, job: Job) -> JobFolder:
        return JobFolder(self.base(job.learner, job.task).path / f"seed-{job.seed}" / f"fold-{job.fold}")

    def without(self, modality: str) -> "Store":
        """Results of the same run trained on posts without a modality."""
        return Store(self.root / "ablation" / f"without-{modality}", self.home)

    def masked(self, learner: str, task: str) -> ResultFolder[Record]:
        """Below ``without``: what models trained on both modalities say without one."""
        return ResultFolder(self.root / "masked" / quote(learner, safe="") / quote(task, safe=""), REPORT)

    def tune(self, learner: str, task: str) -> Path:
        """The study of a learner's parameters."""
        return self.home / "tune" / quote(learner, safe="") / quote(task, safe="")

    def best_trial(self, learner: str, task: str) -> Path:
        """The record of the best trial of a study."""
        return self.tune(learner, task) / BEST

    def layers(self, learner: str, task: str) -> Path:
        """What each layer of a learner's encoders scores."""
        return self.tune(learner, task) / "layers.json"

    def trial(self, learner: str, task: str, name: str) -> "Store":
        """Results of a trial of a study."""
        return Store(self.tune(learner, task) / TRIALS[-1] / name)

    def stack(self, task: str) -> ResultFolder[StackRecord]:
        return ResultFolder(self.root / "stack" / quote(task, safe=""), REPORT)

    def distilled(self, task: str) -> ResultFolder[DistilledRecord]:
        """The one model that learned what the stack says."""
        return ResultFolder(self.root / "distilled" / quote(task, safe=""), REPORT)

    def teacher(self, fold: int) -> "Store":
        """Results of the same run without the rows of a fold, by which a distilled model is judged."""
        return Store(self.root / TEACHERS[0] / f"without-fold-{fold}", self.home)

    def operating_point(self, task: str) -> Path:
        """Beside the stacks: a new one leaves it there, and it is refused under it."""
        return self.root / "operating_points" / f"{quote(task, safe='')}.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The whole run folder, for the moments in which the plan or the run's record is written. One that may only be
        read needs no lock."""
        with hold(self.root) if can_write(self.root) else nullcontext():
            yield

    def claim(self, job: Job, wait: bool) -> AbstractContextManager[Claim | None]:
        """A job, for this process alone; None where another one is at it. The claim of a killed process is void."""
        return claim(self.job(job).path, wait)
