"""What `ensemble thresholds` and `ensemble score` print."""

from cli.tables import line, print_counts, table
from meta.operating.kept import ChosenPoint
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
