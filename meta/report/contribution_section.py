"""What each learner and each modality adds to a task's stack, and at what cost."""

from collections.abc import Mapping
from typing import Any

from meta.report.charts import Mark, cost_plot, interval_plot
from meta.wording import display_name

LINES, DOTS = 32, 16


def shares(found: Mapping[str, Any] | None, report: Mapping[str, Any]) -> dict[str, Any] | None:
    """Learners and modalities from most to least, the figures of their Shapley values, and of gain against cost.

    ``found`` is what meta.contributions returns, with ``cost``, the seconds and parameters of each learner.
    """
    if not found or not found["learners"]:
        return None
    learners = sorted(found["learners"].items(), key=lambda item: -(item[1]["shapley"]["value"] or 0.0))
    modalities = sorted(found["modalities"].items(), key=lambda item: -(item[1]["shapley"]["value"] or 0.0))
    marks = [Mark(f"learners of {name}", entry["shapley"], "stack", strong=True) for name, entry in modalities]
    marks += [Mark(name, entry["shapley"], "learner") for name, entry in learners[:LINES]]
    label = f"Shapley value of every modality and learner of {report['task']} in {display_name(report['metric'])}, with intervals"
    timed = [(name, entry) for name, entry in learners if found["cost"].get(name, {}).get("seconds")]
    costs = {name: (found["cost"][name]["seconds"], entry["shapley"]) for name, entry in timed[:DOTS]}
    cost_label = f"Shapley value of the learners of {report['task']} against the seconds they took"
    return {
        "learners": learners,
        "modalities": modalities,
        "plot": interval_plot(marks, label, origin=0.0, sign="+"),
        "left_out": max(len(learners) - LINES, 0),
        "cost": found["cost"],
        "cost_plot": cost_plot(costs, "Shapley value", cost_label) if costs else "",
    }
