"""The report as one HTML file: nothing in it runs, nothing in it is fetched, and what strangers wrote is only shown."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ensemble.audit import peculiarities
from ensemble.metrics import metric_named
from meta.report.gallery import room
from meta.report.sections import section
from meta.report.wording import bounds, interval, plain, short, spoken

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def draw(facts: Mapping[str, Any], root: Path) -> str:
    """The page of a run's facts (the shape of report.json); ``root`` is the folder its image paths start from."""
    galleries = 2 * len(facts["tasks"])
    tasks = [section(facts, report, root, room(galleries)) for report in facts["tasks"]]
    style = resources.files("meta.report").joinpath("page.css").read_text(encoding="utf-8")
    page = _environment().get_template("page.html.jinja")
    return page.render(facts=facts, tasks=tasks, best=best_cells(facts), style=Markup(style))


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "interval": lambda scored, sign="": _typeset(interval(scored, sign)),
        "bounds": lambda scored: _typeset(bounds(scored)),
        "short": lambda value, sign="": DASH if value is None else _typeset(short(value, sign)),
        "spoken": spoken,
        "upper_first": lambda text: text[:1].upper() + text[1:],
        "verdict": verdict,
        "rule": rule_numbers,
        "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str),
        "peculiarities": peculiarities,
    }
    return made


def _typeset(number: str) -> str:
    return DASH if number == "-" else number.replace("-", MINUS)


def verdict(difference: Mapping[str, Any]) -> str:
    """Whether a paired difference is more than noise: better, worse or even."""
    if difference.get("low") is None or difference["low"] <= 0 <= difference["high"]:
        return "even"
    return "better" if difference["low"] > 0 else "worse"


def rule_numbers(rule: Mapping[str, Any], classes: Sequence[str]) -> str:
    """The numbers of a decision rule, those of class biases beside their classes."""
    signs = "+" if rule["kind"] == "class_biases" else ""
    written = [_typeset(short(number, signs)) for number in rule["numbers"]]
    named = [f"{name} {number}" for name, number in zip(classes, written, strict=True)] if signs else written
    return ", ".join(named)


def best_cells(facts: Mapping[str, Any]) -> set[tuple[int, int]]:
    """(row, column) of the best score in each column of Table 7."""
    sign = metric_named(facts["tasks"][0]["metric"]).sign if facts["tasks"] else 1
    best: dict[int, tuple[float, int]] = {}
    for y, row in enumerate(facts["table7"]["rows"]):
        for x, scored in enumerate(row["scores"]):
            if scored and scored["value"] is not None:
                best[x] = max(best.get(x, (-np.inf, 0)), (sign * scored["value"], -y))
    return {(-y, x) for x, (_, y) in best.items()}
