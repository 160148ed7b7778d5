"""Each learner class by class, as papers report them, on every part that has labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ensemble.scoring import ClassScores, ScoreCard
from meta.report.facts import TaskFacts
from meta.report.leaderboard import Model
from meta.report.variant_section import PARTS, cards_by_part


@dataclass(frozen=True)
class ClassRow:
    """One model; ``best`` are the classes of which no model of the table has a greater F1, to three decimals."""

    model: Model
    classes: Mapping[str, ClassScores]
    best: Sequence[str]


@dataclass(frozen=True)
class ClassTable:
    """``title`` of the part, its number of labelled ``rows``, and how many of each class."""

    title: str
    rows: int
    support: Mapping[str, int]
    models: Sequence[ClassRow]


def class_tables(leaderboard: Sequence[Model], facts: TaskFacts) -> list[ClassTable]:
    """Learners from best to worst, then the stack; none of a task of numbers."""
    shown = [model for kind in ("learner", "stack") for model in leaderboard if model.kind == kind]
    if not shown or "classes" not in shown[0].card:
        return []
    return [_table(PARTS[part], shown, cards) for part, cards in cards_by_part(facts).items()]


def _table(title: str, shown: Sequence[Model], cards: Mapping[str, ScoreCard]) -> ClassTable:
    there = [model.name for model in shown if model.name in cards and cards[model.name]["rows"]]
    found = {name: cards[name]["classes"] for name in there}
    most = next(iter(found.values()))
    greatest = {name: max(round(of[name]["f1"], 3) for of in found.values()) for name in most}
    return ClassTable(
        title,
        max(cards[name]["rows"] for name in found),
        {name: of["support"] for name, of in most.items()},
        [
            ClassRow(m, of, [name for name in of if round(of[name]["f1"], 3) == greatest[name]])
            for m in shown
            if (of := found.get(m.name))
        ],
    )
