"""The shapes of what stacking keeps and the report shows, as plain JSON: facts; meta.wording makes the sentences."""

from typing import Literal, NotRequired, TypedDict

from ensemble.records import RuleRecord as RuleRecord
from ensemble.records import TuningNote
from ensemble.scoring import BaselineCard, Score, ScoreCard

FEW = 10  # rows of a class that say little
TIED = 1.5  # standard errors of a paired difference from the best candidate, within which others cannot be told from it


class CandidateCard(ScoreCard):
    """With the score by plain ``arg_max`` beside that under a decision rule."""

    arg_max: Score


class SelectionReason(TypedDict):
    """Whether anything is shown to be better than what is simple: ``best`` has the best score, above ``rival``, the
    better of the simple ones, by a ``gain`` that chance alone reaches with probability ``p_value``; ``tried``
    candidates could have."""

    rival: str
    best: str
    gain: float | None
    p_value: float
    tried: int


class StackWarnings(TypedDict):
    """``log_loss``: by how many nats a stack that wins its metric is worse than the plain mean, None where it is not;
    ``rare_classes``: labelled rows of the classes that have fewer than FEW; ``unknown_folds``: stacked learners;
    ``many_rows``: sentences on what was left out or sampled as rows are many."""

    log_loss: float | None
    rare_classes: dict[str, int]
    unknown_folds: list[str]
    many_rows: NotRequired[list[str]]


class LabelledTest(TypedDict):
    """Score cards of the labelled rows outside the folds: of each learner and the stack."""

    cards: dict[str, ScoreCard]
    copies_in_training: int
    stack_without_copies: ScoreCard


class LabelledParts(TypedDict, total=False):
    """Of rows outside the folds, where some have labels."""

    test: LabelledTest
    development: LabelledTest


class StackReport(LabelledParts):
    """The record of one task's stack.

    ``learners`` and ``candidates`` have a score card each, that of a candidate with its score by ``arg_max`` beside.
    ``stack`` is the card of the whole procedure, which chooses candidates, parameters and rule anew for each fold on
    the other folds; ``arg_max``, ``rule_gain`` and ``against``, paired differences from the rivals of a stack, are of
    the same. ``optimism`` is of fitting and choosing. The mean of the ``members``, the best first, under the ``rule``
    predicts new rows; their ``options`` are the candidates with their parameters. ``members_by_fold`` and
    ``rules_by_fold`` were chosen for each fold on the others; ``proven``: the best candidate is better than what is
    simple beyond noise. ``tuned`` are the notes of learners whose parameters were chosen on rows of the folds; ``test``
    is there where rows outside them have labels, ``development`` where the table has such a part: learners may have
    chosen an epoch or a parameter by it, so it is no test.
    """

    task: str
    metric: str
    classes: list[str]
    folds: int
    stacked: list[str]
    learners: dict[str, ScoreCard]
    unknown_folds: list[str]
    candidates: dict[str, CandidateCard]
    stack: ScoreCard
    arg_max: Score
    rule_gain: Score
    members: list[str]
    options: list[str]
    members_by_fold: dict[str, list[str]]
    reason: SelectionReason
    proven: bool
    rule: RuleRecord
    rules_by_fold: dict[str, RuleRecord]
    in_sample: float | None
    optimism: float | None
    against: dict[str, Score]
    hard_vote_ties: int
    warnings: StackWarnings
    tuned: dict[str, TuningNote]
    seconds: float


class Summary(TypedDict):
    """Scores by subtask and model, and paired differences of the stack ``against`` its rivals; ``columns`` are those of
    the ``baseline``, plain mean and stack for each task of a subtask;
    ``doubtful`` learners have unknown folds."""

    baseline: str
    rows: int
    rows_of: dict[str, int]
    folds: int
    doubtful: list[str]
    subtasks: dict[str, dict[str, Score]]
    against: dict[str, dict[str, Score | None]]
    columns: dict[str, dict[str, Score | None]]


class Baselines(TypedDict):
    """By task the score cards of what knows the labels alone: out of fold, of labelled test and of development rows."""

    oof: dict[str, BaselineCard]
    test: dict[str, BaselineCard]
    dev: dict[str, BaselineCard]


class StackedTasks(Summary):
    """The same with the report of each task, and what is to be beaten."""

    tasks: list[StackReport]
    baselines: Baselines


class Share(TypedDict):
    """What all lose without a player, and its mean gain over all orders of joining."""

    leave_one_out: Score
    shapley: Score


class LearnerShare(Share):
    """``redundant_with`` names a better learner that errs nearly alike."""

    redundant_with: str | None
    adds_nothing: bool


class Contributions(TypedDict):
    """Shares of each learner, and of all learners of a modality as one player; ``sampled``: "rows" "of" so many."""

    learners: dict[str, LearnerShare]
    modalities: dict[str, Share]
    draws: int
    subsets: int
    sampled: NotRequired[dict[str, int]]


class Diversity(TypedDict):
    """(learners, learners) matrices, None where undefined."""

    learners: list[str]
    error_correlation: list[list[float | None]]
    q_statistic: list[list[float | None]]


class LabelIssue(TypedDict):
    """A post whose label the ensemble contradicts, or finds least probable; of a number, one that it misses by much:
    then there are no probabilities, but the ``error``, predicted minus true."""

    id: str
    label: str
    decided: str
    probability_of_label: NotRequired[float]
    probability_of_decided: NotRequired[float]
    margin: NotRequired[float]
    error: NotRequired[float]
    text: str | None
    image: str | None


class LabelConflict(TypedDict):
    """Copies of one post whose labels differ."""

    group: int
    ids: list[str]
    labels: list[str]


class OfNumber(TypedDict):
    """Whether a sign is of numbers, which says what "right" and "sure" mean; not there where it is of classes."""

    number: NotRequired[bool]


class RightWhereHard(OfNumber):
    """A sign of a leak: the share of the others' hardest rows a learner has right, and what is usual. Of a ``number``
    it is right where it is near."""

    sign: Literal["right_where_hard"]
    own: float
    usual: float


class SurerInFolds(OfNumber):
    """A sign of a leak: the mean confidence inside the folds and outside of them, the Kolmogorov-Smirnov distance of
    the two distributions, and what is usual. Of a ``number`` confidence is how far from the median one dares to go."""

    sign: Literal["surer_in_folds"]
    in_folds: float
    outside: float
    distance: float
    usual: float


LeakSign = RightWhereHard | SurerInFolds


class Submission(TypedDict):
    """What was written for a competition, and ``oof``, what such labels score out of fold, by subtask; ``read_back``,
    what the competition's own measures say of the out-of-fold rows written the same way."""

    file: str
    format: str
    rows: int
    oof_rows: int
    folds: int
    oof: dict[str, "LabelScore"]
    read_back: dict[str, float | None]
    notes: list[str]
    agreed: list[str]
    tuned: list[str]


class LabelScore(Score):
    """The mean score of a subtask's labels with its interval, the metrics it is of, and name and score of what knows
    the labels alone."""

    metric: str
    baseline_name: str
    baseline: Score
