"""What a report shows, as plain facts: report.json is written from them, the page is drawn from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypedDict

from ensemble.scoring import BaselineCard, Score, Spread
from ensemble.tuning.layers import LayerCurves
from meta.operating.slices import Slices
from meta.records import Contributions, Diversity, LabelConflict, LabelIssue, LeakSign, StackReport, Summary
from meta.report.number_facts import NumberFacts
from meta.report.reliability import Reliability
from meta.report.seed_scores import SeedScores
from meta.report.variants import Variants
from meta.report.weight_facts import ModalityWeights

ONLY_SOME = (
    "numbers",
    "modality_weights",
    "seed_scores",
    "variants",
    "layers",
    "layer_weights",
    "slices",
)  # kinds of facts that many runs have not
CurveRow = Mapping[str, float | None]  # fold and epoch, then what the learner measures


@dataclass(frozen=True)
class LearnerCost:
    """Seconds that all folds took, with those of ``features`` that other jobs computed and this learner found in the
    cache; parameters, and those that are trained; None where not known."""

    seconds: float
    features: float | None = None
    parameters: int | None = None
    trainable_parameters: int | None = None


@dataclass(frozen=True)
class TaskFacts:
    """One task: its stack's report, and per learner ``cost``, ``seeds``, ``leaks``, learning ``curves``, the
    ``modality_weights`` inside it, and of several seeds the ``seed_scores``; per model its reliability, or of a task of
    numbers what ``numbers`` says. ``variants`` are learners of one kind; ``layers``: what each layer of an encoder
    scores; ``layer_weights`` by modality: how a network has learned to sum them; ``slices``: what the stack
    scores out of fold by each column that is to be looked at. Learners of which nothing is known are left out, but for
    ``cost``. ``baselines`` are the cards of what knows the labels alone: ``oof``, and of the labelled
    ``test`` part and the ``dev`` part where there is one.
    """

    report: StackReport
    baselines: Mapping[str, BaselineCard]
    contributions: Contributions
    cost: Mapping[str, LearnerCost]
    seeds: Mapping[str, Spread]
    diversity: Diversity
    leaks: Mapping[str, list[LeakSign]]
    label_issues: Sequence[LabelIssue]
    conflicts: Sequence[LabelConflict]
    hardest: Sequence[LabelIssue]
    reliability: Mapping[str, Reliability]
    curves: Mapping[str, Sequence[CurveRow]]
    numbers: NumberFacts | None = None
    modality_weights: Mapping[str, ModalityWeights] = field(default_factory=dict)
    seed_scores: Mapping[str, SeedScores] = field(default_factory=dict)
    variants: Sequence[Variants] = ()
    layers: Mapping[str, LayerCurves] = field(default_factory=dict)
    layer_weights: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    slices: Sequence[Slices] = ()

    @property
    def name(self) -> str:
        return self.report["task"]


@dataclass(frozen=True)
class ModalityRow:
    """A row of Table 7: a score per column, None where a task has no such learner; ``learners`` names the best single
    one of each column."""

    name: str
    scores: Sequence[Score | None]
    learners: Sequence[str | None] = ()


@dataclass(frozen=True)
class ModalityTable:
    """Table 7: ``columns`` are subtasks, then tasks; ``metrics`` those of a column's tasks."""

    columns: Sequence[str] = ()
    metrics: Sequence[Sequence[str]] = ()
    rows: Sequence[ModalityRow] = ()


@dataclass(frozen=True)
class CandidateScores:
    """A row of Table 8: the nested score of each candidate for a task, the best of them, and the stack's members."""

    task: str
    subtask: str
    metric: str
    best: str
    members: Sequence[str]
    scores: Mapping[str, Score]


@dataclass(frozen=True)
class ReportFacts:
    """A run. ``modality``: what each learner looks at; ``test_rows`` are in no fold; ``audit`` is of the dataset."""

    title: str
    summary: Summary
    test_rows: int
    tasks: Sequence[TaskFacts]
    modality: Mapping[str, str]
    table7: ModalityTable
    table8: Sequence[CandidateScores]
    audit: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The shape of report.json, where each kind of fact is listed by task."""
        facts = {task.name: asdict(task) for task in self.tasks}
        some = {kind: {name: of[kind] for name, of in facts.items() if of[kind]} for kind in ONLY_SOME}
        kinds = ("baselines", "seeds", "diversity", "leaks", "hardest", "reliability")
        return {
            "title": self.title,
            **self.summary,
            "test_rows": self.test_rows,
            "tasks": [task.report for task in self.tasks],
            "modality": dict(self.modality),
            "table7": asdict(self.table7),
            "table8": [asdict(row) for row in self.table8],
            "contributions": {name: {**of["contributions"], "cost": of["cost"]} for name, of in facts.items()},
            **{kind: {name: of[kind] for name, of in facts.items()} for kind in kinds},
            **{kind: found for kind, found in some.items() if found},
            "label_issues": {
                name: {"labels": of["label_issues"], "conflicts": of["conflicts"]} for name, of in facts.items()
            },
            "curves": {
                learner: {name: of["curves"][learner] for name, of in facts.items() if learner in of["curves"]}
                for learner in self.modality
            },
            "audit": dict(self.audit),
            "provenance": dict(self.provenance),
        }


class SubtaskScore(TypedDict):
    """The stack's score on the labelled rows of a subtask, and its paired differences from its rivals."""

    score: Score | None
    rows: int
    against: dict[str, Score | None]


class WrittenReport(TypedDict):
    """Where page and JSON are, and what they say first: ``leaks`` by task and learner."""

    page: str
    json: str
    bytes: int
    scores: dict[str, SubtaskScore]
    rows: int
    folds: int
    leaks: dict[str, Mapping[str, list[LeakSign]]]
