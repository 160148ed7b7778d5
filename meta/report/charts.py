"""The figures of the report, from numbers to inline SVG."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ensemble.scoring import Score
from meta.report.reliability import Reliability
from meta.report.svg import COLOURS, as_svg, make_axes
from meta.wording import format_number, truncate

WIDTH, ROW_HEIGHT, LETTER_WIDTH, MAX_NAME = 360.0, 20.0, 6.2, 24
SERIES = ("stack", "one", "two", "three")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), "-.")
POSITIVE, NEGATIVE = (64, 120, 200), (205, 92, 60)  # laid over the page with an opacity, so both schemes can read them
ANNOTATED = 10
MINUS = "\N{MINUS SIGN}"
Box = tuple[float, float, float, float]  # left, bottom, right, top


@dataclass(frozen=True)
class IntervalRow:
    """One row of an interval plot."""

    name: str
    score: Score
    colour: str
    strong: bool = False


@as_svg
def interval_plot(rows: Sequence[IntervalRow], label: str, origin: float | None = None, sign: str = "") -> Figure:
    """A dot and its 95 % interval per row; ``origin`` is drawn through all of them."""
    figure, axes = row_axes([row.name for row in rows], label, sign)
    for y, row in enumerate(rows):
        value, low, high = _ends(row.score)
        colour = COLOURS[row.colour]
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2 if row.strong else 1.5, solid_capstyle="round")
        shape, size = ("D", 8.0) if row.strong else ("o", 7.0)
        axes.plot([value], [y], marker=shape, markersize=size, color=colour, markeredgecolor=COLOURS["paper"])
    if origin is not None:
        axes.axvline(origin, color=COLOURS["muted"], linewidth=0.9, linestyle=(0, (4, 3)), zorder=0.9)
    return figure


@as_svg
def fold_plot(names: Sequence[str], folds: Sequence[Sequence[float | None]], label: str) -> Figure:
    """A dot per fold and a bar at their mean, one row per model."""
    figure, axes = row_axes(names, label)
    for y, values in enumerate(folds):
        known = [value for value in values if value is not None]
        axes.plot(known, [y] * len(known), "o", markersize=6, color=COLOURS["stack"], alpha=0.55, markeredgewidth=0)
        if known:
            axes.plot([float(np.mean(known))], [y], "|", markersize=13, markeredgewidth=1.8, color=COLOURS["ink"])
    return figure


@as_svg
def reliability_plot(curves: Mapping[str, Reliability], label: str) -> Figure:
    """Share of right predictions against mean confidence, bin by bin; on the diagonal a model is as sure as it is
    right. A dot's area grows with the rows in its bin."""
    figure, axes = make_axes(WIDTH, 330, label, (44, 10, 12, 40))
    axes.plot([0, 1], [0, 1], color=COLOURS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
    most = max((max(curve.rows, default=0) for curve in curves.values()), default=0) or 1
    for position, curve in reversed(list(enumerate(curves.values()))):
        colour = COLOURS[SERIES[position]]
        sizes = [8 + 60 * rows / most for rows in curve.rows]
        width = 2.0 if position == 0 else 1.3
        axes.plot(curve.confidence, curve.accuracy, color=colour, linewidth=width, linestyle=DASHES[position])
        axes.scatter(curve.confidence, curve.accuracy, s=sizes, color=colour, linewidth=0, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="share that is right")
    axes.yaxis.set_tick_params(labelcolor=COLOURS["muted"])
    for axis, origin in ((axes.xaxis, ".0"), (axes.yaxis, "")):  # one zero for both, or they touch
        axis.set_major_formatter(FuncFormatter(partial(_tenths, origin)))
    return figure


@as_svg
def curve_plot(folds: Mapping[object, Sequence[tuple[float, float]]], measure: str, label: str) -> Figure:
    """A measure against the epoch, one line per fold, a dot at its end."""
    figure, axes = make_axes(260, 170, label, (54, 12, 14, 38))
    for points in folds.values():
        epochs, values = zip(*points, strict=True)
        axes.plot(epochs, values, color=COLOURS["stack"], linewidth=1.4, alpha=0.7)
        axes.plot(epochs[-1:], values[-1:], "o", markersize=4, color=COLOURS["stack"], markeredgewidth=0)
    axes.set(xlabel="epoch", ylabel=truncate(measure, MAX_NAME))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}".replace("0.", ".", 1)))
    axes.yaxis.set_tick_params(labelcolor=COLOURS["muted"])
    return figure


@as_svg
def correlation_map(names: Sequence[str], matrix: Sequence[Sequence[float | None]], label: str) -> Figure:
    """Correlations as opacity of blue (positive) and red (negative); the figures too where there is room."""
    values = np.array([[_number(value) for value in row] for row in matrix], dtype=np.float64)
    count = len(names)
    left = _name_width(names)
    side = min((WIDTH - left - 8) / count, 34.0)
    figure, axes = make_axes(left + 8 + side * count, left + 8 + side * count, label, (left, 8, 8, left))
    axes.grid(False)
    axes.spines[["bottom"]].set_visible(False)
    axes.imshow(_tinted(values), interpolation="none", aspect="auto")
    titles = [truncate(name, MAX_NAME) for name in names]
    axes.set_yticks(range(count), titles)
    axes.set_xticks(range(count), titles, rotation=90, color=COLOURS["ink"])
    for y, x in np.argwhere(np.isfinite(values) & (count <= ANNOTATED)):
        text = f"{values[y, x]:.2f}".replace("0.", ".", 1).replace("-", MINUS) if y != x else ""
        axes.text(x, y, text, ha="center", va="center", fontsize=min(side / 3.2, 9.5))
    return figure


@as_svg
def cost_plot(costs: Mapping[str, tuple[float, Score]], measure: str, label: str) -> Figure:
    """What each learner adds, with its interval, against the seconds it took (logarithmic)."""
    figure, axes = make_axes(WIDTH, 300, label, (52, 14, 60, 42))
    for seconds, score in costs.values():
        value, low, high = _ends(score)
        axes.plot([seconds, seconds], [low, high], color=COLOURS["learner"], linewidth=1.4, alpha=0.6)
        axes.plot([seconds], [value], "o", markersize=7, color=COLOURS["learner"], markeredgecolor=COLOURS["paper"])
    axes.axhline(0, color=COLOURS["muted"], linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set(xscale="log", xlabel="seconds to train and predict", ylabel=measure)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value, "+").replace("-", MINUS)))
    axes.yaxis.set_tick_params(labelcolor=COLOURS["muted"])
    axes.grid(False, axis="x")
    _name_dots(axes, costs)
    return figure


def _tenths(origin: str, value: float, _: object) -> str:
    return f"{value:.1f}".removeprefix("0") if value else origin


def _name_dots(axes: Axes, costs: Mapping[str, tuple[float, Score]]) -> None:
    """Each dot's name at the first of four corners where it covers no other name, dot or interval; none where there is
    none."""
    axes.autoscale_view()
    ends = [(at, *_ends(score)) for at, score in costs.values()]
    values, lows, highs = (axes.transData.transform([(end[0], end[n]) for end in ends]) for n in (1, 2, 3))
    taken = [
        (x - 4, np.fmin(y - 4, low), x + 4, np.fmax(y + 4, high))
        for (x, y), (_, low), (_, high) in zip(values, lows, highs, strict=True)
    ]
    for name, (at, value, *_), (x, y) in zip(costs, ends, values, strict=True):
        name = truncate(name, 14)
        wide = LETTER_WIDTH * len(name)
        for dx, dy in ((7, 4), (7, -13), (-7 - wide, 4), (-7 - wide, -13)):
            box = (x + dx, y + dy, x + dx + wide, y + dy + 10)
            if box[0] >= 0 and box[2] <= axes.figure.bbox.width and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                axes.annotate(name, (at, value), xytext=(dx, dy + 1), textcoords="offset points", fontsize=9.5)
                break


def _overlap(box: Box, other: Box) -> bool:
    return bool(box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3])


def row_axes(names: Sequence[str], label: str, sign: str = "", height: float = ROW_HEIGHT) -> tuple[Figure, Axes]:
    """Axes with a name per row on the left and scores along the bottom."""
    figure, axes = make_axes(WIDTH, height * len(names) + 34, label, (_name_width(names), 4, 16, 30))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [truncate(name, MAX_NAME) for name in names])
    axes.grid(False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_number(value, sign).replace("-", MINUS)))
    axes.margins(x=0.06)
    return figure, axes


def _name_width(names: Sequence[str]) -> float:
    """Pixels for the longest name, generous because the browser's font is not ours."""
    return 14 + LETTER_WIDTH * max(len(truncate(name, MAX_NAME)) for name in names)


def _ends(score: Score) -> tuple[float, float, float]:
    """The score and the ends of its interval, NaN where they do not exist."""
    return _number(score["value"]), _number(score.get("low")), _number(score.get("high"))


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _tinted(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """(rows, columns) correlations as (rows, columns, 4) colours."""
    known = np.nan_to_num(values).clip(-1, 1)
    colour = np.where(known[..., None] >= 0, POSITIVE, NEGATIVE)
    return np.concatenate([colour, 165 * np.abs(known[..., None])], axis=-1).astype(np.uint8)
