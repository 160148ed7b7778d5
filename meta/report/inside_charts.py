"""The figures of what is known of learners from inside."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from meta.report.charts import MAX_NAME, MINUS, row_axes
from meta.report.svg import COLOURS, as_svg, make_axes
from meta.report.weight_facts import WeightDistribution
from meta.wording import format_number, truncate

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


@as_svg
def layer_plot(values: Mapping[int, float | None], best: int | None, measure: str, label: str) -> Figure:
    """A score against the number of the layer; the best is a diamond."""
    figure, axes = _layer_axes(measure, label)
    known = {layer: value for layer, value in values.items() if value is not None}
    axes.plot(list(known), list(known.values()), ".-", color=COLOURS["stack"], linewidth=1.4, markersize=5)
    if best is not None:
        axes.plot([best], [known[best]], "D", color=COLOURS["learner"], markersize=8, markeredgecolor=COLOURS["paper"])
    return figure


@as_svg
def layer_weight_plot(weights: Sequence[float], label: str) -> Figure:
    """A bar per layer, and a dashed line where all weigh the same."""
    figure, axes = _layer_axes("weight", label)
    axes.bar(range(1, len(weights) + 1), weights, width=0.8, color=COLOURS["learner"], alpha=0.6)
    axes.axhline(1 / len(weights), color=COLOURS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
    return figure


def _layer_axes(measure: str, label: str) -> tuple[Figure, Axes]:
    figure, axes = make_axes(260, 170, label, (54, 12, 14, 38))
    axes.set(xlabel="layer", ylabel=truncate(measure, MAX_NAME))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value).replace("-", MINUS)))
    axes.yaxis.set_tick_params(labelcolor=COLOURS["muted"])
    return figure, axes
