"""The figures of what is known of learners from inside."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from meta.report.charts import row_axes
from meta.report.svg import COLOURS, as_svg
from meta.report.weight_facts import WeightDistribution

HEIGHT = 0.8  # of a row: the fullest bin of a distribution


@as_svg
def weight_plot(weights: Mapping[str, WeightDistribution], label: str) -> Figure:
    """How weights from 0 to 1 are distributed, a row per modality: a bar per bin, the mean as a dot on the middle half
    of the rows."""
    figure, axes = row_axes(list(weights), label, height=44)
    for y, of in enumerate(weights.values()):
        counts, floor = np.array(of.bins, dtype=np.float64), y + 0.42
        edges = np.linspace(0, 1, len(counts) + 1)
        heights = HEIGHT * counts / max(counts.max(), 1)
        axes.bar(edges[:-1], -heights, np.diff(edges), bottom=floor, align="edge", color=COLOURS["learner"], alpha=0.45)
        axes.plot(of.quantiles[1:4:2], [floor, floor], color=COLOURS["stack"], linewidth=3, solid_capstyle="butt")
        axes.plot([of.mean], [floor], "o", markersize=7, color=COLOURS["stack"], markeredgecolor=COLOURS["paper"])
    axes.set_xlim(0, 1)
    axes.tick_params(axis="y", length=0)
    return figure
