"""The leaderboard of one task: the stack, its candidates, its base learners, each group from best to worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ensemble.metrics import metric_named
from meta.wording import display_name, format_size

PLAIN_MEAN = "soft_vote"
MEASURES = ("accuracy", "macro_f1", "weighted_f1", "roc_auc")


@dataclass(frozen=True)
class Model:
    """One line: ``kind`` is stack, candidate or learner; ``card`` its score card; ``mark`` an asterisk for unknown
    folds, a dagger for parameters tuned on rows of the score."""

    name: str
    kind: str
    card: Mapping[str, Any]
    chosen: bool = False
    mark: str = ""

    @property
    def scored(self) -> Mapping[str, Any]:
        """Value and interval of the task's metric."""
        found: Mapping[str, Any] = self.card["metrics"][self.card["metric"]]
        return found

    @property
    def title(self) -> str:
        name = display_name(self.name) if self.kind == "candidate" else self.name
        return f"{name} {self.mark}".rstrip()


def leaderboard(report: Mapping[str, Any]) -> list[Model]:
    """Every model of a task's stack report that has a score."""
    marks = dict.fromkeys(report["unknown_folds"], "*") | dict.fromkeys(report.get("tuned", {}), "†")
    candidates = [Model(n, "candidate", card, chosen=n == report["chosen"]) for n, card in report["candidates"].items()]
    learners = [Model(n, "learner", card, mark=marks.get(n, "")) for n, card in report["learners"].items()]
    models = [Model("stack", "stack", report["stack"]), *_ranked(candidates, report), *_ranked(learners, report)]
    return [model for model in models if model.card.get("rows")]


def _ranked(models: Sequence[Model], report: Mapping[str, Any]) -> list[Model]:
    sign = metric_named(report["metric"]).sign
    scored = [model for model in models if model.card.get("rows")]
    return sorted(scored, key=lambda m: (m.scored["value"] is None, -sign * (m.scored["value"] or 0.0)))


def shown(board: Sequence[Model], limit: int) -> list[Model]:
    """What a figure of ``limit`` lines has room for: the stack, the chosen, the plain mean, then the best learners and
    the best other candidates by turns."""
    first = [m for m in board if m.kind == "stack" or m.chosen or (m.kind == "candidate" and m.name == PLAIN_MEAN)]
    rest = [m for m in board if m not in first]
    ranks = [sum(other.kind == m.kind for other in rest[:position]) for position, m in enumerate(rest)]
    order = sorted(range(len(rest)), key=lambda position: (ranks[position], rest[position].kind == "candidate"))
    kept = first + [rest[position] for position in order[: max(limit - len(first), 0)]]
    return [m for m in board if m in kept]


def as_papers_report(
    board: Sequence[Model], report: Mapping[str, Any], cost: Mapping[str, Any], seeds: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Each learner and the stack in MEASURES: mean and deviation ``over_folds``, values on the labelled ``test`` part
    (None where there is none), what each seed alone scores, the size of the network."""
    cards = report["test"]["cards"] if "test" in report else {}
    learners = [model for model in board if model.kind == "learner"]
    return [
        {
            "model": model,
            "over_folds": [_over_folds(model.card, name) for name in MEASURES],
            "test": [cards[model.name]["metrics"][name] for name in MEASURES] if _scored(cards, model.name) else None,
            "seeds": seeds.get(model.name),
            "size": format_size(cost.get(model.name, {})),
        }
        for model in [*learners, *(model for model in board if model.kind == "stack")]
    ]


def _over_folds(card: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Of cards written before each measure had its mean over folds, the score on all rows."""
    found: Mapping[str, Any] | None = (card.get("folds") or {}).get("metrics", {}).get(name)
    return found or {"mean": card["metrics"][name]["value"], "std": None}


def _scored(cards: Mapping[str, Any], name: str) -> bool:
    return bool(cards.get(name, {}).get("rows"))
