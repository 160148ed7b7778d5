"""What each learner and each modality adds to a task's stack, and at what cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meta.records import LearnerShare, Share
from meta.report.charts import IntervalRow, cost_plot, interval_plot
from meta.report.facts import LearnerCost, TaskFacts
from meta.wording import display_name

MAX_ROWS, MAX_DOTS = 32, 16


@dataclass(frozen=True)
class ContributionSection:
    """Learners and modalities from most to least; figures of their Shapley values, and of gain against cost;
    ``left_out`` learners are not in the former."""

    learners: Sequence[tuple[str, LearnerShare]]
    modalities: Sequence[tuple[str, Share]]
    cost: Mapping[str, LearnerCost]
    plot: str
    left_out: int
    cost_plot: str


def contribution_section(facts: TaskFacts) -> ContributionSection | None:
    """None where nothing is known of any learner."""
    shares = facts.contributions
    if not shares["learners"]:
        return None
    learners = sorted(shares["learners"].items(), key=lambda item: -(item[1]["shapley"]["value"] or 0.0))
    modalities = sorted(shares["modalities"].items(), key=lambda item: -(item[1]["shapley"]["value"] or 0.0))
    rows = [IntervalRow(f"learners of {name}", share["shapley"], "stack", strong=True) for name, share in modalities]
    rows += [IntervalRow(name, share["shapley"], "learner") for name, share in learners[:MAX_ROWS]]
    metric = display_name(facts.report["metric"])
    label = f"Shapley value of every modality and learner of {facts.name} in {metric}, with intervals"
    seconds = {name: cost.seconds for name, cost in facts.cost.items() if cost.seconds}
    timed = [(name, share) for name, share in learners if name in seconds]
    costs = {name: (seconds[name], share["shapley"]) for name, share in timed[:MAX_DOTS]}
    cost_label = f"Shapley value of the learners of {facts.name} against the seconds they took"
    return ContributionSection(
        learners,
        modalities,
        facts.cost,
        interval_plot(rows, label, origin=0.0, sign="+"),
        max(len(learners) - MAX_ROWS, 0),
        cost_plot(costs, "Shapley value", cost_label) if costs else "",
    )
