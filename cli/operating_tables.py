"""What `ensemble thresholds` and `ensemble score` print."""

from collections.abc import Sequence
from dataclasses import astuple

from cli.later import LaterScores
from cli.tables import line, print_counts, table
from ensemble.metrics.probabilities import BINS
from meta.operating.drift import Drift
from meta.operating.kept import ChosenPoint
from meta.operating.later import TaskScore
from meta.operating.slices import FEW, Slices, many_note
from meta.wording import format_interval, format_number


def print_point(found: ChosenPoint) -> None:
    copies = f" in {found['groups']:,} groups of copies" if found["groups"] < found["rows"] else ""
    title = f"{found['task']}: out of fold, on {found['rows']:,} labelled rows{copies}, {found['folds']} folds"
    seen = found["in_sample"]
    rows = [
        [name, format_interval(score), format_number(seen[name]) if name in seen else ""]
        for name, score in found["figures"].items()
    ]
    table(title, ["", "chosen anew by fold [95 %]", "on the same rows"], rows)
    for doubt in found["doubts"]:
        line(f"! {doubt}")
    print_counts("labels of these rows at the point", {found["task"]: found["counts"]})
    line(f"{found['task']}: {found['says']}.")
    for other in found["linked"]:
        line(f"! {found['task']} and {other} are decided together; at this point the two may disagree.")
    line(f"Wrote {found['file']}: `ensemble predict` gives labels at this point; --no-operating-point leaves it out.")


def print_point_removed(found: dict[str, object]) -> None:
    task = found["task"]
    line(f"Took the operating point of {task} away." if found["removed"] else f"{task} has no operating point.")


def print_later(found: LaterScores) -> None:
    known = found["in_training"]
    if known:
        done = "left out; --with-training counts them" if found["left_out"] else "counted, too"
        line(f"{known:,} of {found['posts']:,} posts were trained on: {done}.")
    for note in found["notes"]:
        line(f"! {note}.")
    for task in found["tasks"]:
        _print_task(task)
    _print_drift("the posts themselves", "", found["inputs"])


WORDS = {
    "below": "below what was promised, beyond noise",
    "above": "above what was promised, beyond noise",
    "within": "as promised, within noise",
    "unknown": "nothing to compare",
}


def _print_task(found: TaskScore) -> None:
    title = f"{found['task']}: {found['metric']} on {found['rows']:,} later labelled posts"
    rows = [
        ["promised out of fold", format_interval(found["promised"])],
        ["now", format_interval(found["now"])],
        ["now minus promised (positive is better)", format_interval(found["difference"], "+")],
    ]
    table(title, ["", "score [95 %]"], rows)
    line(f"{found['task']}: {WORDS[found['verdict']]}.")
    line("")
    if found["calibration"]:
        rows = [
            [NAMES[name], format_number(of["then"]), format_interval(of["now"]), _chance(of["chance"])]
            for name, of in found["calibration"].items()
        ]
        table("calibration (smaller is better)", ["", "out of fold", "now [95 %]", "by chance"], rows)
        _print_reliability(found)
    if at := found["at_point"]:
        rows = [
            [name, format_interval(at["then"].get(name)), format_interval(score)] for name, score in at["now"].items()
        ]
        table(f"at the operating point ({at['says']})", ["", "out of fold [95 %]", "now [95 %]"], rows)
    for each in found["slices"]:
        _print_slices(found["task"], each)
    if note := many_note(found["slices"]):
        line(note)
        line("")
    _print_drift(f"predictions of {found['task']}", "mean probabilities", found["drift"])


NAMES = {"log_loss": "log-loss", "brier": "Brier score", "ece": "expected calibration error"}


def _chance(value: float | None) -> str:
    return "" if value is None else format_number(value)


def _print_reliability(found: TaskScore) -> None:
    """The bins of both curves side by side."""
    curves = {
        when: {int(sure * BINS): (sure, right, rows) for sure, right, rows in zip(*astuple(curve)[:3], strict=True)}
        for when, curve in found["reliability"].items()
    }
    rows = []
    for place in sorted({place for curve in curves.values() for place in curve}):
        row = [f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}"]
        for curve in curves.values():
            sure, right, count = curve.get(place, (None, None, 0))
            row += [f"{count:,}", format_number(sure), format_number(right)] if count else ["", "", ""]
        rows.append(row)
    heads = [f"{SAID[when]}\n{what}" for when in curves for what in ("rows", "sure", "right")]
    table("how sure, and how often right (of the most probable class)", ["probability", *heads], rows)


SAID = {"then": "out of fold", "now": "now"}


def _print_slices(task: str, found: Slices) -> None:
    rows = [
        [one["name"], f"{one['rows']:,}", format_interval(one["score"]), format_interval(one["against"], "+")]
        for one in found["slices"]
    ]
    title = f"{task}: {found['metric']} by {found['column']}"
    table(title, [found["column"], "rows", "score [95 %]", "minus all others [95 %]"], rows)
    if found["few"]:
        line(f"Fewer than {FEW} rows, which say little: {', '.join(found['few'])}.")
        line("")


def _print_drift(what: str, of: str, found: Sequence[Drift]) -> None:
    if not found:
        return
    rows = [[one["what"], one["then"], one["now"], _times(one), "moved" * one["drifts"]] for one in found]
    table(f"{what}{', ' * bool(of)}{of}: then and now", ["", "then", "now", "of what is usual", ""], rows)
    if any(one["drifts"] for one in found):
        line("Moved: farther from the training posts than 95 % of samples of these, as large as the later ones, are.")


def _times(one: Drift) -> str:
    return f"{one['distance'] / one['usual']:.1f} times" if one["usual"] > 0 else "-"
