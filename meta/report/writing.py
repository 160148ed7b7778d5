"""Writing the report: one page for people, one JSON for programs."""

import json
from pathlib import Path

from ensemble.content.audit import audit
from ensemble.errors import ConfigError
from ensemble.modalities import Scans
from ensemble.run import Run
from ensemble.system.files import check_writable, write_atomic
from ensemble.system.progress import Track, silent
from meta.report.facts import SubtaskScore, WrittenReport
from meta.report.gather import gather_facts
from meta.report.page import draw_page
from meta.table import StackSettings


def write_report(
    run: Run, settings: StackSettings, scanned: Scans, out: Path | None = None, track: Track = silent
) -> WrittenReport:
    """Write the page and its JSON twin; return where they are and the headline. ``scanned`` are the dataset's scans."""
    page = out or run.store.report
    if page.suffix == ".json":
        raise ConfigError(f"--out {page}: the page is HTML and its JSON twin lies beside it; name it .html.")
    check_writable(page)
    twin = page.with_suffix(".json")
    readers = {spec.name: run.learners.bind(spec).modalities for spec in run.specs}
    audited = audit(run.data, scanned, run.plan.settings, plan=run.plan, readers=readers)
    facts = gather_facts(run, settings, audited, track)
    drawn = draw_page(facts, run.data.root)
    write_atomic(page, drawn.encode())
    written = json.dumps(facts.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(twin, written.encode(errors="backslashreplace"))
    summary = facts.summary
    scores: dict[str, SubtaskScore] = {
        name: {
            "score": models.get("stack"),
            "rows": summary["rows_of"][name],
            "against": summary["against"][name],
        }
        for name, models in summary["subtasks"].items()
    }
    return {
        "page": str(page.resolve()),
        "json": str(twin.resolve()),
        "bytes": len(drawn.encode()),
        "scores": scores,
        "rows": summary["rows"],
        "folds": summary["folds"],
        "leaks": {task.name: task.leaks for task in facts.tasks if task.leaks},
    }
