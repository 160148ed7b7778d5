"""The leaderboard of one task: the stack, its candidates, its base learners, each group from best to worst, and the
baseline, which all have to beat."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ensemble.metrics import sign_named
from ensemble.scoring import Mean, Score, ScoreCard, Spread
from meta.records import StackReport
from meta.report.facts import TaskFacts
from meta.wording import candidate_name, format_size

PLAIN_MEANS = ("soft_vote", "mean")
SHOWN = ("accuracy", "weighted_f1", "roc_auc", "log_loss", "brier", "ece")
SHOWN_OF_NUMBERS = ("mae", "pearson", "r2", "concordance", "acc_2", "f1_2", "acc_7", "acc_5", "acc_3")
PAPER_METRICS = ("accuracy", "macro_f1", "weighted_f1", "roc_auc")
PAPER_METRICS_OF_NUMBERS = ("mae", "pearson", "acc_2", "f1_2", "acc_2_nonzero", "f1_2_nonzero", "acc_7", "acc_5")


@dataclass(frozen=True)
class Model:
    """One row: ``kind`` is stack, candidate, learner or baseline; ``card`` its score card; ``mark`` an
    asterisk for unknown folds, a dagger for parameters tuned on rows of the score."""

    name: str
    kind: str
    card: ScoreCard
    member: bool = False
    mark: str = ""

    @property
    def score(self) -> Score:
        """Value and interval of the task's metric."""
        score: Score = self.card["metrics"][self.card["metric"]]
        return score

    @property
    def title(self) -> str:
        name = candidate_name(self.name, self.card["metric"]) if self.kind == "candidate" else self.name
        return f"{name} {self.mark}".rstrip()


def make_leaderboard(facts: TaskFacts) -> list[Model]:
    """Every model of a task that has a score."""
    report = facts.report
    marks = dict.fromkeys(report["unknown_folds"], "*") | dict.fromkeys(report["tuned"], "†")
    members = report["members"]
    candidates = [Model(n, "candidate", card, member=n in members) for n, card in report["candidates"].items()]
    learners = [Model(n, "learner", card, mark=marks.get(n, "")) for n, card in report["learners"].items()]
    stack = [Model("stack", "stack", report["stack"])]
    beaten = [Model(card["baseline"], "baseline", card) for part, card in facts.baselines.items() if part == "oof"]
    models = [*stack, *_ranked(candidates, report), *_ranked(learners, report), *beaten]
    return [model for model in models if model.card.get("rows")]


def _ranked(models: Sequence[Model], report: StackReport) -> list[Model]:
    sign = sign_named(report["metric"])
    scored = [model for model in models if model.card.get("rows")]
    return sorted(scored, key=lambda m: (m.score["value"] is None, -sign * (m.score["value"] or 0.0)))


def most_telling(leaderboard: Sequence[Model], limit: int) -> list[Model]:
    """What a figure of ``limit`` rows has room for: the stack, the plain mean, the baseline, then the best learners and
    the best candidates by turns."""
    always = ("stack", "baseline")
    first = [m for m in leaderboard if m.kind in always or (m.kind == "candidate" and m.name in PLAIN_MEANS)]
    rest = [m for m in leaderboard if m not in first]
    ranks = [sum(other.kind == m.kind for other in rest[:position]) for position, m in enumerate(rest)]
    order = sorted(range(len(rest)), key=lambda position: (ranks[position], rest[position].kind == "candidate"))
    kept = first + [rest[position] for position in order[: max(limit - len(first), 0)]]
    return [m for m in leaderboard if m in kept]


@dataclass(frozen=True)
class PaperRow:
    """A model in the ``paper_metrics``: mean and deviation ``over_folds``, scores on the labelled ``test`` part (None
    where there is none), what each seed alone scores, the ``size`` of the network in words."""

    model: Model
    over_folds: Sequence[Mean]
    test: Sequence[Score] | None
    seeds: Spread | None
    size: str


def paper_table(leaderboard: Sequence[Model], facts: TaskFacts) -> list[PaperRow]:
    """Each learner, the stack and the baseline as papers report them."""
    cards = dict(facts.report["test"]["cards"]) if "test" in facts.report else {}
    if "test" in facts.baselines:
        cards[facts.baselines["test"]["baseline"]] = facts.baselines["test"]
    learners, metrics = [model for model in leaderboard if model.kind == "learner"], paper_metrics(facts)
    return [
        PaperRow(
            model,
            [_over_folds(model.card, name) for name in metrics],
            [cards[model.name]["metrics"][name] for name in metrics] if _is_scored(cards, model.name) else None,
            facts.seeds.get(model.name),
            _size(facts, model.name),
        )
        for model in [*learners, *(model for model in leaderboard if model.kind in ("stack", "baseline"))]
    ]


def paper_metrics(facts: TaskFacts) -> Sequence[str]:
    """Those in which papers report such a task."""
    there = facts.report["stack"].get("metrics", {})
    return PAPER_METRICS if facts.numbers is None else [name for name in PAPER_METRICS_OF_NUMBERS if name in there]


def shown_metrics(facts: TaskFacts) -> Sequence[str]:
    """Those beside the one that counts."""
    there = facts.report["stack"].get("metrics", {})
    others = [name for name in SHOWN_OF_NUMBERS if name in there and name != facts.report["metric"]]
    return SHOWN if facts.numbers is None else others[: len(SHOWN)]


def _over_folds(card: ScoreCard, name: str) -> Mean:
    """Of cards written before each metric had its mean over folds, the score on all rows."""
    means = card["folds"].get("metrics", {}) if "folds" in card else {}
    return means.get(name) or {"mean": card["metrics"][name]["value"], "std": None}


def _is_scored(cards: Mapping[str, ScoreCard], name: str) -> bool:
    return name in cards and bool(cards[name]["rows"])


def _size(facts: TaskFacts, name: str) -> str:
    cost = facts.cost.get(name)
    return format_size(cost.trainable_parameters, cost.parameters) if cost else ""
