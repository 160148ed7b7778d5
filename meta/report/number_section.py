"""What the page shows of a task of numbers alone: its figures drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

from meta.report.charts import SERIES
from meta.report.group_facts import GroupCourse, GroupFacts
from meta.report.number_charts import calibration_plot, course_plot, map_plot, residual_plot
from meta.report.number_facts import NumberFacts

ROOM = 0.05  # of what is drawn, above and below it


@dataclass(frozen=True)
class NumberSection:
    """``facts``, and figures of them; ``legend``: colour, name and error of each line of the calibration; ``courses``:
    the group, and the figure of each model by name."""

    facts: NumberFacts
    map: str
    by_fold: str
    by_range: str
    calibration: str
    legend: Sequence[tuple[str, str, float]]
    courses: Sequence[tuple[GroupCourse, Sequence[tuple[str, str]]]]


def number_section(facts: NumberFacts | None, task: str, shown: Sequence[str]) -> NumberSection | None:
    """None of a task that has no numbers, or no labels; ``shown`` are the models whose course is drawn."""
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
        courses=_courses(facts.groups, shown, task) if facts.groups else (),
    )


def _courses(facts: GroupFacts, shown: Sequence[str], task: str) -> list[tuple[GroupCourse, list[tuple[str, str]]]]:
    """All on one scale, so that they compare."""
    drawn = [*(of.truth for of in facts.courses), *(of.predicted[name] for of in facts.courses for name in shown)]
    low, high = min(map(min, drawn)), max(map(max, drawn))
    room = ROOM * (high - low) or 1.0

    def plot(of: GroupCourse, name: str) -> str:
        label = f"{task} by {name} against the truth, post by post from {of.ids[0]}"
        return course_plot(of.truth, of.predicted[name], (low - room, high + room), label)

    return [(of, [(name, plot(of, name)) for name in shown]) for of in facts.courses]
