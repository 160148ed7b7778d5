"""What the page shows of learners from inside: how much each modality decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from meta.report.facts import TaskFacts
from meta.report.inside_charts import weight_plot
from meta.report.weight_facts import ModalityWeights

MAX_LEARNERS = 6


@dataclass(frozen=True)
class InsideSection:
    """``weights``: learner, what is known of its weights, and their figure; ``left_out`` learners have some, too."""

    weights: Sequence[tuple[str, ModalityWeights, str]]
    left_out: int


def inside_section(facts: TaskFacts) -> InsideSection | None:
    """None where no learner tells anything."""
    weights = [
        (name, of, weight_plot(of.modalities, f"how much each modality decided in {name} for {facts.name}, row by row"))
        for name, of in list(facts.modality_weights.items())[:MAX_LEARNERS]
    ]
    return InsideSection(weights, len(facts.modality_weights) - len(weights)) if weights else None
