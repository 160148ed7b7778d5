"""Writing the report: one page for people, one JSON for programs."""

import json
from pathlib import Path
from typing import Any

from ensemble.content.audit import audit
from ensemble.errors import ConfigError
from ensemble.modalities import Scans
from ensemble.run import Run
from ensemble.system.files import check_writable, write_atomic
from ensemble.system.progress import Track, silent
from meta.report.facts import gather
from meta.report.page import draw
from meta.table import StackSettings


def write_report(
    run: Run, settings: StackSettings, scans: Scans, out: Path | None = None, track: Track = silent
) -> dict[str, Any]:
    """Write the page and its JSON twin; return where they are and the headline. ``scans`` are the dataset's."""
    page = out or run.store.report
    if page.suffix == ".json":
        raise ConfigError(f"--out {page}: the page is HTML and its JSON twin lies beside it; name it .html.")
    check_writable(page)
    twin = page.with_suffix(".json")
    facts = gather(run, settings, audit(run.data, scans, run.plan.settings), track)
    drawn = draw(facts, run.data.root)
    write_atomic(page, drawn.encode())
    write_atomic(
        twin, json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")
    )
    scores = {
        name: {"score": models.get("stack"), "rows": facts["rows_of"][name], **facts["against"][name]}
        for name, models in facts["subtasks"].items()
    }
    signs = {task: signs for task, signs in facts["leaks"].items() if signs}
    return {
        "page": str(page.resolve()),
        "json": str(twin.resolve()),
        "bytes": len(drawn.encode()),
        "scores": scores,
        "rows": facts["rows"],
        "folds": facts["folds"],
        "leaks": signs,
    }
