"""The records of a run folder, as JSON holds them: each is written last and makes its folder complete."""

from typing import NotRequired, TypedDict

from ensemble.learner import TrainingInfo
from ensemble.scoring import ScoreCard
from ensemble.system.files import Json


class Record(TypedDict):
    """``made_of`` is the provenance; per file its hash, and its ``stamp``: size, and time of change in nanoseconds."""

    made_of: dict[str, Json]
    files: dict[str, str]
    stamps: dict[str, list[int]]


class CacheUse(TypedDict):
    """How many contents were asked for of an encoder's features, and the bytes its blocks take on the disk. ``seconds``
    it took to encode these contents, whoever did (None where that is not known), and the job's own part of them."""

    contents: int
    bytes: int
    seconds: NotRequired[float | None]
    own_seconds: NotRequired[float]


class Usage(TypedDict):
    """What a job took, as its record has it; None where it is not known. ``shared_seconds`` went into what folds and
    tasks share; ``rows`` it was fitted on; ``cache`` is by encoder."""

    rows: int
    shared_seconds: float
    threads: int | None
    peak_bytes: int | None
    model_bytes: int | None
    checkpoint_bytes: int
    cache: dict[str, CacheUse]


class JobRecord(Record, TrainingInfo):
    """done.json: one learner, task, seed and fold. ``seconds`` the job took; ``modality_weights`` the means over the
    rows it predicted."""

    seconds: float
    usage: Usage
    modality_weights: NotRequired[dict[str, float]]


class TuningNote(TypedDict):
    """What tuning lies behind a result: ``judged`` are the folds whose rows judged the trials."""

    study: str
    trial: int
    folds: str | int
    judged: list[int]
    rows: int
    pruned: int


class BestTrial(TuningNote, total=False):
    """best.json: ``params`` go over those that are set; what they score, over how many ``trials``."""

    params: dict[str, Json]
    score: float | None
    std: float | None
    values: list[float]
    metric: str
    trials: int
    when: str
    made_of: dict[str, Json]


class BaseFacts(TypedDict, total=False):
    """What the record of a base learner need not have. ``modality`` is said of imported ones only."""

    modality: str  # as ensemble.modalities describes it
    modality_weights: dict[str, float]
    parameters: int | None
    trainable_parameters: int | None
    tuned: TuningNote
    dev: ScoreCard  # on the development part, where the table has one; its rows may have told which epoch is best


class BaseRecord(Record, BaseFacts):
    """report.json of a base learner: all folds and seeds joined, or imported. ``folds`` is "run", or "unknown"."""

    seconds: float
    folds: str
    oof: ScoreCard


class RuleRecord(TypedDict):
    """A decision rule by its kind, and its numbers."""

    kind: str
    numbers: list[float]


class StackRecord(Record):
    """report.json of a stack; the rest of it is meta.records.StackReport."""


class DistilledRecord(Record):
    """report.json of a distilled model; the rest of it is meta.distillation.distil.DistilReport. ``learner`` is the
    base learner it is, ``rule`` decides its labels."""

    learner: str
    rule: RuleRecord


class FailureRecord(TypedDict):
    """failed.json: why a job failed; the ``traceback`` of a bug."""

    made_of: dict[str, Json]
    reason: str
    traceback: NotRequired[str]
