"""The figures of a task of numbers, from facts to inline SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from meta.report.charts import DASHES, MINUS, POSITIVE, SERIES, WIDTH, row_axes
from meta.report.number_facts import MeanCalibration, NumberMap, Residuals
from meta.report.svg import COLOURS, as_svg, make_axes

DIAGONAL: dict[str, Any] = {"color": COLOURS["muted"], "linewidth": 0.9, "linestyle": (0, (4, 3))}
FAINTEST = 40  # of 255: the opacity of a cell with one row


@as_svg
def map_plot(of: NumberMap, label: str) -> Figure:
    """Predicted against true numbers: the darker a cell, the more rows; on the dashed line the two are equal, and the
    solid one joins the median prediction of each column."""
    figure, axes = make_axes(WIDTH, 330, label, (44, 10, 12, 40))
    counts = np.array(of.rows, dtype=np.float64)  # (true, predicted)
    ends = (of.low, of.high)
    shade = np.where(counts > 0, FAINTEST + (230 - FAINTEST) * np.sqrt(counts / max(counts.max(), 1.0)), 0)
    tint = np.concatenate([np.broadcast_to(POSITIVE, (*counts.shape, 3)), shade[..., None]], axis=-1).astype(np.uint8)
    axes.imshow(tint.swapaxes(0, 1), interpolation="none", aspect="auto", origin="lower", extent=(*ends, *ends))
    axes.plot(ends, ends, **DIAGONAL)
    middles = np.linspace(*ends, 2 * len(counts) + 1)[1::2]
    filled = np.flatnonzero(counts.sum(axis=1))
    half = counts[filled].sum(axis=1, keepdims=True) / 2
    medians = middles[(np.cumsum(counts[filled], axis=1) >= half).argmax(axis=1)]
    axes.plot(middles[filled], medians, color=COLOURS["stack"], linewidth=1.6)
    axes.set(xlim=ends, ylim=ends, xlabel="true", ylabel="predicted")
    _plain_numbers(axes)
    return figure


@as_svg
def residual_plot(groups: Sequence[Residuals], label: str) -> Figure:
    """Predicted minus true, one row per group: the middle half as a bar, nine tenths as a line, the mean as a dot."""
    figure, axes = row_axes([group.name.replace("-", MINUS) for group in groups], label, "+")
    for y, group in enumerate(groups):
        low, lower, _, upper, high = group.quantiles
        axes.plot([low, high], [y, y], color=COLOURS["stack"], linewidth=1.2, alpha=0.6)
        axes.plot([lower, upper], [y, y], color=COLOURS["stack"], linewidth=6, alpha=0.35, solid_capstyle="butt")
        axes.plot([group.mean], [y], "o", markersize=6, color=COLOURS["stack"], markeredgecolor=COLOURS["paper"])
    axes.axvline(0, zorder=0.9, **DIAGONAL)
    return figure


@as_svg
def calibration_plot(curves: Mapping[str, MeanCalibration], label: str) -> Figure:
    """The mean of the truth against the mean of the predictions, bin by bin; on the diagonal a model is right on
    average. A dot's area grows with the rows in its bin."""
    figure, axes = make_axes(WIDTH, 330, label, (44, 10, 12, 40))
    means = [*(each for curve in curves.values() for each in (*curve.predicted, *curve.true))]
    ends = (min(means), max(means))
    axes.plot(ends, ends, **DIAGONAL)
    most = max(max(curve.rows) for curve in curves.values())
    for position, curve in reversed(list(enumerate(curves.values()))):
        colour = COLOURS[SERIES[position]]
        sizes = [8 + 40 * rows / most for rows in curve.rows]
        width = 2.0 if position == 0 else 1.3
        axes.plot(curve.predicted, curve.true, color=colour, linewidth=width, linestyle=DASHES[position])
        axes.scatter(curve.predicted, curve.true, s=sizes, color=colour, linewidth=0, clip_on=False)
    axes.set(xlabel="mean prediction", ylabel="mean truth")
    _plain_numbers(axes)
    return figure


@as_svg
def course_plot(truth: Sequence[float], predicted: Sequence[float], ends: tuple[float, float], label: str) -> Figure:
    """The posts of a group one after the other: what was predicted, over the truth (grey, with a dot per post)."""
    figure, axes = make_axes(260, 150, label, (34, 8, 10, 36))
    places = range(1, len(truth) + 1)
    axes.plot(places, truth, ".-", color=COLOURS["muted"], linewidth=1.1, markersize=4, alpha=0.8)
    axes.plot(places, predicted, color=COLOURS["stack"], linewidth=1.7)
    axes.set(ylim=ends, xlabel="post")
    axes.margins(x=0.03)
    _plain_numbers(axes)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def _plain_numbers(axes: Axes) -> None:
    axes.yaxis.set_tick_params(labelcolor=COLOURS["muted"])
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("-", MINUS)))
