"""What `plan` and `clean` print."""

from collections.abc import Callable

from cli.causes import by_cause
from cli.tables import line, table
from ensemble.errors import command
from ensemble.jobs.status import RunStatus
from ensemble.upkeep.budget import Spent
from ensemble.upkeep.disk import FLOOR, readable
from ensemble.upkeep.planning import STATES, JobPlan, PlannedLearner
from ensemble.upkeep.removal import KINDS, Cleanup
from meta.wording import truncate

SHOWN = 20  # rows of what goes


def print_status(result: RunStatus) -> None:
    states = ("done", "missing", "stale", "failed")
    rows = [
        [learner, task, *(counts.get(name, 0) for name in states)]
        for learner, tasks in result["learners"].items()
        for task, counts in tasks.items()
    ]
    table("jobs", ["base learner", "task", *states], rows, names=2)
    for task, names in result["imported"].items():
        line(f"imported for {task}: {', '.join(names)}")
    for reason in by_cause(result["reasons"]):
        line(reason)
    if result["jobs"].get("done", 0) < sum(result["jobs"].values()):
        line("`ensemble train-base` does what is not done.")


def print_spent(spent: Spent) -> None:
    """What became of a budget."""
    if spent.order:
        line(f"Begun in this order: {', '.join(f'{learner} ({task})' for learner, task in spent.order)}.")
    if not spent.left:
        line("All is done within the budget.")
        return
    rows = [
        [one["learner"], one["task"], f"{one['done']} of {one['jobs']}", _others_take(one["seconds"])]
        for one in spent.left
    ]
    table("left by the budget", ["base learner", "task", "jobs done", "the others take"], rows, names=2)
    line("The same command goes on with these; `ensemble stack` takes what is complete.")


def _others_take(seconds: float | None) -> str:
    return "not known" if seconds is None else duration(seconds)


def print_plan(jobs: JobPlan) -> None:
    rows = [_learner_row(learner) for learner in jobs.learners]
    table("jobs", ["base learner", "task", *STATES, "to go", "models", "memory", "estimated\nfrom"], rows, names=2)
    if jobs.running:
        line(f"{jobs.running} jobs are under way in other processes.")
    for name, reason in jobs.waiting.items():
        line(f"not counted: {name}: {reason}")
    if jobs.todo:
        _print_needs(jobs)
    elif not jobs.waiting:
        line("All jobs are done.")


def _learner_row(row: PlannedLearner) -> list[object]:
    counts = [row.done, row.missing, row.failed, row.stale]
    sizes = [_amount(row, row.seconds, duration), _amount(row, row.model_bytes), _amount(row, row.peak_bytes)]
    return [row.learner, row.task, *counts, *sizes, row.estimated_from or ""]


def _amount(row: PlannedLearner, amount: float | None, shown: Callable[[float], str] = readable) -> str:
    if row.done and not row.todo:
        return ""
    return "?" if amount is None else shown(amount)


def _print_needs(jobs: JobPlan) -> None:
    time, disk, memory = jobs.time, jobs.disk, jobs.memory
    if time.unknown_jobs < jobs.todo:
        at_once = f"{time.jobs} jobs at a time" if time.jobs > 1 else "one job after the other"
        but = f", {time.unknown_jobs} jobs not counted of which nothing is known" if time.unknown_jobs else ""
        line(f"time: {duration(time.wall_seconds)}, {at_once}{but}")
    for place in disk.places:
        line(f"disk: about {readable(place.needs)} in {place.folder}; {readable(place.free)} are free")
        if place.missing > 0:
            line(f"  too little: `ensemble train-base` would not start, which leaves {readable(FLOOR)} free")
    parts = ", ".join(f"{name} {readable(size)}" for name, size in disk.parts().items())
    line(f"  {parts}{', models of ' + ', '.join(disk.unknown) + ' not known' if disk.unknown else ''}")
    if memory.bytes:
        machine = f" of {readable(memory.machine_bytes)}" if memory.machine_bytes else ""
        line(f"memory: {readable(memory.bytes)}{machine}, beside that of a GPU")
    for entry in jobs.cache:
        learners, encoder = ", ".join(entry.learners), entry.encoder[:14]
        line(f"cache: {entry.there:,} of {entry.wanted:,} contents for {learners} ({encoder})")
    if jobs.unknown:
        one = command("train-base", "-l", jobs.unknown[0], "-f", "0")
        line(f"not known: {', '.join(jobs.unknown)}; {one} does one fold and tells")


def print_cleaned(cleanup: Cleanup) -> None:
    rows = [
        [kind, totals.places, f"{totals.files:,}", readable(totals.bytes), readable(totals.going_bytes), KINDS[kind]]
        for kind, totals in cleanup.kinds.items()
        if totals.places
    ]
    goes = "deleted" if cleanup.deleted else "would go"
    table("what there is", ["kind", "places", "files", "size", goes, ""], rows)
    if cleanup.items:
        shown = [[item.folder, readable(item.bytes), truncate(item.why, 44)] for item in cleanup.items[:SHOWN]]
        table(goes, ["folder", "size", ""], shown)
    if len(cleanup.items) > SHOWN:
        line(f"... and {len(cleanup.items) - SHOWN:,} more; --json names all")
    for refusal in cleanup.left:
        line(f"left: {refusal.folder} ({refusal.kind}): {refusal.why}")
    if cleanup.deleted:
        line(f"{readable(cleanup.bytes)} deleted.")
    else:
        line(f"Nothing was deleted. --yes deletes {readable(cleanup.bytes)}; --kind names what else may go.")


def duration(seconds: float) -> str:
    """``2 h 05 min``"""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours / 24:.1f} days"
