"""The report as one HTML file: nothing in it runs, nothing in it is fetched, and what strangers wrote is only shown."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ensemble.content.audit import peculiarities
from ensemble.metrics import metric_named
from meta.report.gallery import room
from meta.report.sections import section
from meta.wording import GLOSSARY, bounds, interval, plain, short, spoken, spread, tuned, warnings, why

MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def draw(facts: Mapping[str, Any], root: Path) -> str:
    """The page of a run's facts (the shape of report.json); ``root`` is the folder its image paths start from."""
    galleries = 2 * len(facts["tasks"])
    tasks = [section(facts, report, root, room(galleries)) for report in facts["tasks"]]
    style = resources.files("meta.report").joinpath("page.css").read_text(encoding="utf-8")
    page = _environment().get_template("page.html.jinja")
    best = {"cells": best_cells(facts), "candidates": best_candidates(facts)}
    return page.render(facts=facts, tasks=tasks, best=best, glossary=GLOSSARY, style=Markup(style))


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
        "spread": lambda found: spread(found) or DASH,
        "spoken": spoken,
        "tuned_note": tuned,
        "why": why,
        "warnings": warnings,
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
    """(row, column) of the best scores in each column of Table 7."""
    if not facts["table7"]["rows"]:
        return set()
    columns = zip(*(row["scores"] for row in facts["table7"]["rows"]), strict=True)
    metric = facts["tasks"][0]["metric"]
    return {(y, x) for x, column in enumerate(columns) for y in _best(dict(enumerate(column)), metric)}


def best_candidates(facts: Mapping[str, Any]) -> set[tuple[str, str]]:
    """(task, candidate) of the best scores of each task in Table 8."""
    metric = {report["task"]: report["metric"] for report in facts["tasks"]}
    return {(row["task"], name) for row in facts["table8"] for name in _best(row["scores"], metric[row["task"]])}


def _best(scores: Mapping[Any, Mapping[str, Any] | None], metric: str) -> set[Any]:
    """Whose score is best as it is shown, with three decimals."""
    sign = metric_named(metric).sign
    known = {
        key: round(sign * scored["value"], 3)
        for key, scored in scores.items()
        if scored and scored["value"] is not None
    }
    return {key for key, value in known.items() if value == max(known.values())}
