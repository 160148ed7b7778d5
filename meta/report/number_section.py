"""What the page shows of a task of numbers alone: its figures drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from meta.report.charts import SERIES
from meta.report.number_charts import calibration_plot, map_plot, residual_plot
from meta.report.number_facts import NumberFacts


@dataclass(frozen=True)
class NumberSection:
    """``facts``, and figures of them; ``legend``: colour, name and error of each line of the calibration."""

    facts: NumberFacts
    map: str
    by_fold: str
    by_range: str
    calibration: str
    legend: Sequence[tuple[str, str, float]]


def number_section(facts: NumberFacts | None, task: str) -> NumberSection | None:
    """None of a task that has no numbers, or no labels."""
    if facts is None:
        return None
    curves = dict(list(facts.calibration.items())[: len(SERIES)])
    return NumberSection(
        facts,
        map=map_plot(facts.against_truth, f"predicted against true {task}, post by post, darker where there are more"),
        by_fold=residual_plot(facts.by_fold, f"how far predictions of {task} lie above the truth, fold by fold"),
        by_range=residual_plot(facts.by_range, f"how far predictions of {task} lie above the truth, by its range"),
        calibration=calibration_plot(curves, f"mean truth of {task} against mean prediction"),
        legend=[(colour, name, curve.error) for colour, (name, curve) in zip(SERIES, curves.items(), strict=False)],
    )
