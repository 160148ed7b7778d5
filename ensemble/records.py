"""The records of a run folder, as JSON holds them: each is written last and makes its folder complete."""

from typing import TypedDict

from ensemble.scoring import ScoreCard
from ensemble.system.files import Json


class Record(TypedDict):
    """``made_of`` is the provenance; per file its hash, and its ``stamp``: size, and time of change in nanoseconds."""

    made_of: dict[str, Json]
    files: dict[str, str]
    stamps: dict[str, list[int]]


class CacheUse(TypedDict):
    """How many contents an encoder was asked for, and what its blocks take on the disk."""

    contents: int
    bytes: int


class Usage(TypedDict):
    """What a job took. ``rows`` it was fitted on, ``shared_seconds`` are for what all jobs use (such as encoding)."""

    rows: int
    shared_seconds: float
    threads: int | None
    peak_bytes: int | None
    model_bytes: int | None
    checkpoint_bytes: int
    cache: dict[str, CacheUse]


class TrainingInfo(TypedDict, total=False):
    """What a learner may say of its training, for the record of its job. All keys are optional; a learner may say more.

    ``training_seconds`` also before it was killed. ``trainable_parameters`` are those that are trained.
    ``micro_batch`` rows went through the network at a time, after so many ``steps_repeated`` for want of memory.
    ``note`` says what the fit rows were not enough for.
    ``fit_posts``, ``predicted_posts``, ``fit_texts``, ``predicted_texts`` count what was there and what was missing.
    """

    device: str
    precision: str
    parameters: int
    trainable_parameters: int
    epochs: int
    best_epoch: int | None
    training_seconds: float
    micro_batch: int
    steps_repeated: int
    batch_norm: str
    note: str
    pooling: str
    prompts: list[str]
    fit_posts: dict[str, int]
    predicted_posts: dict[str, int]
    fit_texts: dict[str, int]
    predicted_texts: dict[str, int]


class JobRecord(Record, TrainingInfo):
    """done.json: one learner, task, seed and fold. ``seconds`` the job took."""

    seconds: float
    usage: Usage


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


class BaseRecord(Record, BaseFacts):
    """report.json of a base learner: all folds and seeds joined, or imported. ``folds`` is "run", or "unknown"."""

    seconds: float
    folds: str
    oof: ScoreCard


class StackRecord(Record, total=False):
    """report.json of a stack: what `meta.stack_report` says of it, and what it takes to ask it again."""

    task: str
    metric: str
    stacked: list[str]  # the learners, in the order of their columns
    chosen: str
    rule: dict[str, Json]
    rules_by_fold: dict[str, dict[str, Json]]
    stack: ScoreCard
    candidates: dict[str, ScoreCard]
    tuned: dict[str, TuningNote]
    warnings: list[str]
    seconds: float
