"""Figures as inline SVG: text stays text, colours are the page's variables, equal numbers give equal bytes."""

import re
import warnings
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from io import StringIO
from typing import Any, ParamSpec

from markupsafe import Markup, escape
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that nobody would choose stand for the page's CSS variables until the figure is written.
NAMES = ("ink", "muted", "line", "paper", "stack", "candidate", "learner", "one", "two", "three")
COLOURS = {name: f"#0a0b{position:02x}" for position, name in enumerate(NAMES)}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,  # a learner may be called $x$
    "text.color": COLOURS["ink"],
    "font.size": 11,
    "axes.edgecolor": COLOURS["line"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": COLOURS["line"],
    "grid.linewidth": 0.8,
    "xtick.color": COLOURS["line"],
    "ytick.color": COLOURS["line"],
    "xtick.labelcolor": COLOURS["muted"],
    "ytick.labelcolor": COLOURS["ink"],
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "figure.facecolor": "none",
}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
WIDEN = 1.2  # beyond its drawn size a figure grows this much and no further
P = ParamSpec("P")


def as_svg(make: Callable[P, Figure]) -> Callable[P, Markup]:
    """Turns a function that returns a figure, labelled with what it shows, into one that returns inline SVG."""

    @wraps(make)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Markup:
        with rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # the browser has fonts that Matplotlib has not
            figure = make(*args, **kwargs)
            text = StringIO()
            figure.savefig(text, format="svg", metadata=NO_METADATA)
        return Markup(_inline(text.getvalue(), str(figure.get_label())))

    return draw


def make_axes(
    width: float, height: float, label: str, margins: tuple[float, float, float, float]
) -> tuple[Figure, Axes]:
    """A figure of this many pixels with one pair of axes inside the margins (left, top, right, bottom)."""
    left, top, right, bottom = margins
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)  # a pixel is a point, as in the SVG
    figure.set_label(label)
    inner = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    return figure, figure.add_axes(inner)


def _inline(svg: str, label: str) -> str:
    """What the page needs of an SVG file; ids are kept where they are referred to, and differ between figures."""
    body = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    body = body[body.index("<svg") :]
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', body))
    stamp = sha256((label + body).encode(errors="replace")).hexdigest()[:8]

    def tag(match: re.Match[str]) -> str:
        text = re.sub(r' id="([^"]*)"', lambda m: f' id="{stamp}-{m[1]}"' if m[1] in used else "", match[0])
        text = re.sub(r'(url\(|href=")#', rf"\g<1>#{stamp}-", text)
        text = re.sub(r"#0a0b([0-9a-f]{2})", lambda m: f"var(--{NAMES[int(m[1], 16)]})", text)
        return re.sub(r"font-family: [^;\"]*;? ?", "", text)

    body = re.sub(r"<[^>]*>", tag, body)
    view = re.search(r'viewBox="0 0 ([\d.]+) [\d.]+"', body)
    assert view is not None, "Matplotlib's SVG has a view box"
    head = f'<svg class="chart" role="img" aria-label="{escape(label)}" {view[0]}'
    return re.sub(r"<svg[^>]*>", f'{head} style="max-width: {WIDEN * float(view[1]):.0f}px">', body, count=1).strip()
