"""Tables of learners of one kind under different parameters, scored on every part that has labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ensemble.metrics import sign_named
from ensemble.modalities import BOTH, UNKNOWN
from ensemble.scoring import Score, ScoreCard
from meta.report.facts import TaskFacts

OF_CLASSES = ("macro_f1", "accuracy", "weighted_f1")
OF_NUMBERS = ("mae", "pearson", "acc_2", "acc_2_nonzero")
PARTS = {"oof": "out of fold", "dev": "development part", "test": "labelled test part"}


@dataclass(frozen=True)
class VariantRow:
    """One learner: what it looks at, the parameters that set it apart, its scores in the columns of its table; ``best``
    are the columns in which no variant is better."""

    name: str
    modality: str
    params: Mapping[str, object]
    scores: Sequence[float | None]
    best: Sequence[bool]


@dataclass(frozen=True)
class VariantTable:
    """``parts``: title and number of rows of each; ``metrics`` are those of each part; rows of several modalities come
    first, then those of one."""

    learner: str
    parts: Sequence[tuple[str, int]]
    metrics: Sequence[str]
    rows: Sequence[VariantRow]


def variant_tables(facts: TaskFacts, modality: Mapping[str, str]) -> list[VariantTable]:
    """One for each kind of learner of which there are several."""
    cards = cards_by_part(facts)
    if "oof" not in cards:
        return []
    shown = OF_CLASSES if facts.numbers is None else OF_NUMBERS
    metrics = [name for name in shown if any(name in card.get("metrics", {}) for card in cards["oof"].values())]
    tables = []
    for of in facts.variants:
        names = sorted(of.params, key=lambda name: _order(modality.get(name, UNKNOWN)))
        columns = [(part, metric) for part in cards for metric in metrics]
        values = {name: [_score(cards[part], name, metric) for part, metric in columns] for name in names}
        best = [_best([row[x] for row in values.values()], metric) for x, (_, metric) in enumerate(columns)]
        rows = [
            VariantRow(
                name,
                modality.get(name, UNKNOWN),
                of.params[name],
                values[name],
                [value is not None and _rounded(value) == most for value, most in zip(values[name], best, strict=True)],
            )
            for name in names
        ]
        parts = [(PARTS[part], max(card["rows"] for card in of_part.values())) for part, of_part in cards.items()]
        tables.append(VariantTable(of.learner, parts, metrics, rows))
    return tables


def cards_by_part(facts: TaskFacts) -> dict[str, Mapping[str, ScoreCard]]:
    """By part that has labels, and learner or stack."""
    report = facts.report
    parts: dict[str, Mapping[str, ScoreCard]] = {"oof": {**report["learners"], "stack": report["stack"]}}
    if "development" in report:
        parts["dev"] = report["development"]["cards"]
    if "test" in report:
        parts["test"] = report["test"]["cards"]
    return {part: cards for part, cards in parts.items() if any(card["rows"] for card in cards.values())}


def _order(modality: str) -> tuple[int, str]:
    looked_at = len(BOTH) if modality == "both" else len(modality.split("+"))
    return -looked_at, modality


def _score(cards: Mapping[str, ScoreCard], name: str, metric: str) -> float | None:
    score: Score = cards.get(name, {"rows": 0}).get("metrics", {}).get(metric, {"value": None})
    return score["value"]


def _best(values: Sequence[float | None], metric: str) -> float | None:
    """As it is shown, with three decimals."""
    known = [_rounded(value) for value in values if value is not None]
    return max(known, key=lambda value: sign_named(metric) * value, default=None)


def _rounded(value: float) -> float:
    return round(value, 3)
