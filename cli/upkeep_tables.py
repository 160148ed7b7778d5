"""What `plan` and `clean` print."""

from collections.abc import Mapping
from typing import Any

from cli.tables import line, table
from ensemble.upkeep.disk import FLOOR, readable
from ensemble.upkeep.removal import KINDS
from meta.wording import truncate

SHOWN = 20  # rows of what goes
PARTS = ("models", "predictions", "checkpoints", "features", "replaced")


def print_plan(found: Mapping[str, Any]) -> None:
    states = ("done", "missing", "failed", "stale")
    rows = [
        [
            row["learner"],
            row["task"],
            *(row[name] for name in states),
            *(_amount(row, key) for key in ("seconds", "model_bytes", "peak_bytes")),
            row["judged_by"] or "",
        ]
        for row in found["learners"]
    ]
    table("jobs", ["base learner", "task", *states, "to go", "models", "memory", "judged by"], rows)
    if found["running"]:
        line(f"{found['running']} jobs are under way in other processes.")
    for name, reason in found["waiting"].items():
        line(f"not counted: {name}: {reason}")
    todo = sum(count for name, count in found["jobs"].items() if name != "done")
    if todo:
        _print_needs(found, todo)
    elif not found["waiting"]:
        line("All jobs are done.")


def _print_needs(found: Mapping[str, Any], todo: int) -> None:
    clock, disk, memory = found["time"], found["disk"], found["memory"]
    if clock["unknown_jobs"] < todo:
        at_once = f"{clock['jobs']} jobs at a time" if clock["jobs"] > 1 else "one job after the other"
        line(f"time: {duration(clock['wall_seconds'])}, {at_once}{_but(clock['unknown_jobs'])}")
    for place in disk["places"]:
        line(f"disk: about {readable(place['needs'])} in {place['folder']}; {readable(place['free'])} are free")
        if place["needs"] + FLOOR > place["free"]:
            line(f"  too little: `ensemble train-base` would not start, which leaves {readable(FLOOR)} free")
    parts = [f"{name} {readable(disk[name])}" for name in PARTS if disk[name]]
    line(f"  {', '.join(parts)}{', models of ' + ', '.join(disk['unknown']) + ' not known' if disk['unknown'] else ''}")
    if memory["bytes"]:
        machine = f" of {readable(memory['machine_bytes'])}" if memory["machine_bytes"] else ""
        line(f"memory: {readable(memory['bytes'])}{machine}, beside that of a GPU")
    for entry in found["cache"]:
        users, encoder = ", ".join(entry["learners"]), entry["encoder"][:14]
        line(f"cache: {entry['there']:,} of {entry['wanted']:,} contents for {users} ({encoder})")
    if found["unknown"]:
        first = found["unknown"][0]
        line(f"not known: {', '.join(found['unknown'])}; `ensemble train-base -l {first} -f 0` does one fold and tells")


def _but(unknown: int) -> str:
    return f", {unknown} jobs not counted of which nothing is known" if unknown else ""


def print_cleaned(found: Mapping[str, Any]) -> None:
    rows = [
        [
            kind,
            sums["places"],
            f"{sums['files']:,}",
            readable(sums["bytes"]),
            readable(sums["going_bytes"]),
            KINDS[kind],
        ]
        for kind, sums in found["kinds"].items()
        if sums["places"]
    ]
    goes = "deleted" if found["deleted"] else "would go"
    table("what there is", ["kind", "places", "files", "size", goes, ""], rows)
    if found["items"]:
        shown = [
            [item["folder"], readable(item["bytes"]), truncate(item["why"], 44)] for item in found["items"][:SHOWN]
        ]
        table(goes, ["folder", "size", ""], shown)
    if len(found["items"]) > SHOWN:
        line(f"... and {len(found['items']) - SHOWN:,} more; --json names all")
    for entry in found["left"]:
        line(f"left: {entry['folder']} ({entry['kind']}): {entry['why']}")
    if found["deleted"]:
        line(f"{readable(found['bytes'])} deleted.")
    else:
        line(f"Nothing was deleted. --yes deletes {readable(found['bytes'])}; --kind names what else may go.")


def _amount(row: Mapping[str, Any], key: str) -> str:
    if row["done"] and not any(row[name] for name in ("missing", "failed", "stale")):
        return ""
    if row[key] is None:
        return "?"
    return duration(row[key]) if key == "seconds" else readable(row[key])


def duration(seconds: float) -> str:
    """``2 h 05 min``"""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours / 24:.1f} days"
