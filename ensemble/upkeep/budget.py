"""Training within a time: the learners that are expected to add most per minute first, each with all its folds."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from ensemble.data import Task
from ensemble.errors import ConfigError
from ensemble.jobs.job import JobSpec, Outcome
from ensemble.jobs.train import Engine, sequential, train
from ensemble.learner import Prepares, TrainsLong
from ensemble.metrics import metric_of
from ensemble.modalities import describe
from ensemble.provenance import Provenance
from ensemble.run import Run
from ensemble.scoring import baseline_card
from ensemble.store import LearnerFolder
from ensemble.system.interruption import ending_after
from ensemble.system.progress import Track, silent
from ensemble.upkeep.disk import cached_features
from ensemble.upkeep.estimates import UNREADABLE, History
from ensemble.upkeep.planning import time_needs

# What a learner is expected to score above the baseline, by what it looks at, where no earlier score tells: of posts
# with both, texts say more than images. One more of a modality adds less: a half, a third.
EXPECTED = {"text": 0.1, "image": 0.05, "both": 0.12, "audio": 0.08, "video": 0.08, "none": 0.0}
EXPECTED_ELSE = 0.08
LEAST = 0.001  # what nothing is expected of comes last, not never
# Seconds of a job that only tell what is begun first, where no finished job tells: whether it would end in time is then
# known after its first fold.
QUICK, ENCODES, TRAINS = 1.0, 60.0, 600.0
DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")

Pair = tuple[str, str]  # learner, task


class Left(TypedDict):
    """A learner that is not complete: ``done`` of ``jobs``, and the seconds that the others will take (None: not
    known)."""

    learner: str
    task: str
    done: int
    jobs: int
    seconds: float | None


@dataclass(frozen=True)
class Spent:
    """What became of a budget: the jobs that failed, what is ``left``, and in which ``order`` learners were begun."""

    failures: list[Outcome]
    left: list[Left]
    order: list[Pair]


@dataclass(frozen=True)
class Candidate:
    """A learner's jobs for a task that are not done: the seconds they will take, as far as is known, and those that
    they count as; what is expected to be gained."""

    todo: tuple[JobSpec, ...]
    seconds: float | None
    counted: float
    gain: float

    @property
    def pair(self) -> Pair:
        return self.todo[0].job.learner, self.todo[0].job.task

    @property
    def rate(self) -> float:
        return max(self.gain, LEAST) / max(self.counted, 0.1)


def seconds_of(text: str) -> float:
    """``2h``, ``90m``, ``1h30m``, ``45s`` in seconds; raises ConfigError for anything else."""
    found = DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    parts = [float(part or 0) for part in found.groups()] if found else []
    total = sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))
    if not 0 < total < 10**8:
        raise ConfigError(f"--budget {text!r} must be a time with its unit, such as 2h, 90m, 1h30m or 45s.")
    return total


def train_within(
    run: Run,
    work: Sequence[JobSpec],
    seconds: float,
    jobs: int = 1,
    track: Track = silent,
    engine: Engine = sequential,
) -> Spent:
    """Train what is expected to end in ``seconds``, ``jobs`` at a time, what adds most per second first; all folds of a
    learner before the next. At the end of the time a training under way is saved, as after Ctrl-C."""
    end = time.monotonic() + seconds
    groups: dict[Pair, list[JobSpec]] = {}
    for item in work:
        groups.setdefault((item.job.learner, item.job.task), []).append(item)
    failures: list[Outcome] = []
    order: list[Pair] = []
    gains = Gains(run, work)
    with ending_after(seconds):
        open_groups = dict(groups)
        while chosen := _next(run, open_groups, gains, end - time.monotonic(), jobs):
            order += [chosen.pair] if chosen.pair not in order else []
            failed = train(run, chosen.todo if chosen.seconds is not None else chosen.todo[:jobs], track, engine)
            failures += failed
            if failed or chosen.seconds is not None:
                del open_groups[chosen.pair]
    return Spent(failures, list(_left(run, groups, jobs)), order)


def _next(run: Run, groups: dict[Pair, list[JobSpec]], gains: "Gains", remaining: float, jobs: int) -> Candidate | None:
    """The candidate of the greatest rate that is expected to end in time; groups that are done are joined and go."""
    history = History(run, [item for group in groups.values() for item in group])
    found = []
    for pair, group in list(groups.items()):
        todo = _todo(run, group)
        if not todo:
            train(run, group)
            del groups[pair]
        else:
            found.append(_candidate(run, todo, history, gains, jobs))
    fitting = [one for one in found if one.seconds is None or one.seconds <= remaining]
    return max(fitting, key=lambda one: one.rate) if fitting and remaining > 0 else None


def _todo(run: Run, group: Sequence[JobSpec]) -> list[JobSpec]:
    return [item for item in group if not run.store.job(item.job).is_done(item.provenance)]


def _candidate(run: Run, todo: Sequence[JobSpec], history: History, gains: "Gains", jobs: int) -> Candidate:
    seconds = _expected(run, todo, history, jobs)
    counted = seconds if seconds is not None else len(todo) * _usual(run, todo[0]) / jobs
    return Candidate(tuple(todo), seconds, counted, gains.of(todo[0]))


def _expected(run: Run, todo: Sequence[JobSpec], history: History, jobs: int) -> float | None:
    """Seconds that these jobs will take; None where it is not known."""
    estimates = {item.job: history.estimate(item, len(run.plan.fit_rows(item.job.fold))) for item in todo}
    if any(estimate.seconds is None for estimate in estimates.values()):
        return None
    return time_needs(todo, estimates, history, cached_features(run, todo, history), jobs).wall_seconds


def _usual(run: Run, item: JobSpec) -> float:
    learner = run.learners.bind(item.spec, item.task).example
    return TRAINS if isinstance(learner, TrainsLong) else ENCODES if isinstance(learner, Prepares) else QUICK


def _left(run: Run, groups: Mapping[Pair, Sequence[JobSpec]], jobs: int) -> Iterator[Left]:
    history = History(run, [item for group in groups.values() for item in group])
    for (learner, task), group in groups.items():
        if todo := _todo(run, group):
            seconds = _expected(run, todo, history, jobs)
            yield Left(learner=learner, task=task, done=len(group) - len(todo), jobs=len(group), seconds=seconds)


class Gains:
    """What learners are expected to score above the baseline: what the same learner has scored on a task of this name,
    in this run or in those beside it, or what is EXPECTED of its modality. Others that look at the same and are done
    make it less."""

    def __init__(self, run: Run, work: Sequence[JobSpec]) -> None:
        self.run = run
        self._looks = {item.job.learner: describe(run.learners.bind(item.spec).modalities) for item in work}
        wanted = {item.provenance.recipe for item in work}
        beside = [folder for store in run.store.others_beside() for folder in store.learner_folders()]
        self._scores = dict(_scores([*beside, *run.store.learner_folders()], wanted))  # this run's own count most
        inside = run.data.take(run.plan.cv_rows)
        self._baselines = {task.name: baseline_card(task, inside) for task in {item.task for item in work}}

    def of(self, item: JobSpec) -> float:
        looks = self._looks[item.job.learner]
        gain = self._known(item.task, item.provenance.recipe)
        gain = EXPECTED.get(looks, EXPECTED_ELSE) if gain is None else gain
        others = [name for name, what in self._looks.items() if what == looks and name != item.job.learner]
        done = sum(self.run.store.base(name, item.job.task).record.is_file() for name in others)
        return gain / (1 + done)

    def _known(self, task: Task, recipe: str) -> float | None:
        score = self._scores.get((recipe, task.name, task.metric))
        card = self._baselines[task.name]
        to_beat = card["metrics"][task.metric]["value"] if card["rows"] else None
        return None if score is None or to_beat is None else metric_of(task).sign * (score - to_beat)


def _scores(folders: Sequence[LearnerFolder], wanted: set[str]) -> Iterator[tuple[tuple[str, str, str], float]]:
    """By recipe, task and metric, of the joined results that there are."""
    for folder in folders:
        try:
            record = folder.read_record()
            made_of, card = Provenance.of_record(record).without("seeds"), record["oof"]
            value = card["metrics"][card["metric"]]["value"] if card["rows"] else None
        except UNREADABLE:
            continue
        if value is not None and made_of.recipe in wanted:
            yield (made_of.recipe, made_of.task, card["metric"]), value
