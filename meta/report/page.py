"""The report as one HTML file: nothing in it runs, nothing in it is fetched, and what strangers wrote is only shown."""

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ensemble.content.audit import audit_lines
from ensemble.metrics import sign_named
from ensemble.scoring import Score
from meta.operating.slices import FEW, many_note
from meta.records import RuleRecord
from meta.report.facts import CandidateScores, ModalityTable, ReportFacts, TaskFacts
from meta.report.gallery import posts_per_gallery
from meta.report.task_section import task_section
from meta.stack_report import PLAIN, RULED
from meta.wording import (
    GLOSSARY,
    LEAK_POWER,
    candidate_name,
    display_name,
    format_bounds,
    format_interval,
    format_mean_std,
    format_number,
    layers_note,
    leak_note,
    members_named,
    printable,
    selection_note,
    tuning_note,
    warning_notes,
)

RIVALS = (PLAIN, "best single", PLAIN + RULED, f"best single{RULED}")
Key = TypeVar("Key")
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def draw_page(facts: ReportFacts, root: Path) -> str:
    """The page of a run's facts; ``root`` is the folder its image paths start from."""
    conflicts = facts.audit.get("conflicting_labels", {})
    limit = posts_per_gallery(2 * len(facts.tasks))
    tasks = [
        task_section(task, conflicts.get(task.name, len(task.conflicts)), root, limit, facts.modality)
        for task in facts.tasks
    ]
    page = _environment().get_template("page.html.jinja")
    return page.render(
        facts=facts,
        tasks=tasks,
        best_cells=best_cells(facts.table7),
        best_candidates=best_candidates(facts.table8),
        rivals=[name for name in RIVALS if any(difference_from(task.report["against"], name) for task in facts.tasks)],
        baselines={task.name: _baseline_score(task) for task in facts.tasks},
        of_baseline=facts.summary["baseline"],
        leak_power=LEAK_POWER,
        few_rows=FEW,
        glossary=GLOSSARY,
        style=Markup(resources.files("meta.report").joinpath("page.css").read_text(encoding="utf-8")),
    )


def _baseline_score(task: TaskFacts) -> Score | None:
    card = task.baselines.get("oof")
    return card["metrics"][card["metric"]] if card and card["rows"] else None


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "interval": lambda scored, sign="": _typeset(format_interval(scored, sign)),
        "bounds": lambda scored: _typeset(format_bounds(scored)),
        "number": lambda value, sign="": _typeset(format_number(value, sign)),
        "mean_std": lambda scores: format_mean_std(scores["mean"], scores["std"]) or DASH,
        "display_name": display_name,
        "minus": lambda name: name.replace("-", MINUS),
        "candidate_name": candidate_name,
        "members_named": members_named,
        "tuning_note": tuning_note,
        "selection_note": selection_note,
        "warning_notes": warning_notes,
        "leak_note": leak_note,
        "layers_note": layers_note,
        "many_note": many_note,
        "breakable": lambda name: Markup("_<wbr>").join(printable(name).split("_")),
        "upper_first": lambda text: text[:1].upper() + text[1:],
        "verdict": verdict,
        "against": difference_from,
        "rule": rule_numbers,
        "plain": lambda value: value if isinstance(value, str) else json.dumps(value, default=str),
        "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str),
        "audit_lines": audit_lines,
    }
    return made


def _typeset(number: str) -> str:
    return DASH if number == "-" else number.replace("-", MINUS)


def verdict(difference: Score) -> str:
    """Whether a paired difference is more than noise: better, worse or even."""
    low, high = difference.get("low"), difference.get("high")
    if low is None or high is None or low <= 0 <= high:
        return "even"
    return "better" if low > 0 else "worse"


def difference_from(against: Mapping[str, Score], rival: str) -> Score | None:
    """The stack's difference from just this rival, a name in parentheses after it or not."""
    return next((difference for name, difference in against.items() if name.partition(" (")[0] == rival), None)


def rule_numbers(rule: RuleRecord, classes: Sequence[str]) -> str:
    """The numbers of a decision rule, those of class biases beside their classes."""
    signs = "+" if rule["kind"] == "class_biases" else ""
    written = [_typeset(format_number(number, signs)) for number in rule["numbers"]]
    named = [f"{name} {number}" for name, number in zip(classes, written, strict=True)] if signs else written
    return ", ".join(named)


def best_cells(table: ModalityTable) -> set[tuple[int, int]]:
    """(row, column) of the best scores in each column of Table 7."""
    return {
        (y, x)
        for x, metrics in enumerate(table.metrics)
        for y in _best({y: row.scores[x] for y, row in enumerate(table.rows)}, metrics)
    }


def best_candidates(table: Sequence[CandidateScores]) -> set[tuple[str, str]]:
    """(task, candidate) of the best scores of each task in Table 8."""
    return {(row.task, name) for row in table for name in _best(row.scores, [row.metric])}


def _best(scores: Mapping[Key, Score | None], metrics: Sequence[str]) -> set[Key]:
    """Whose score is best as it is shown, with three decimals; nobody's where some of the metrics are better great and
    some small."""
    signs = {sign_named(metric) for metric in metrics}
    if len(signs) > 1:
        return set()
    sign = signs.pop()
    known = {
        key: round(sign * value, 3)
        for key, scored in scores.items()
        if scored and (value := scored["value"]) is not None
    }
    return {key for key, value in known.items() if value == max(known.values())}
