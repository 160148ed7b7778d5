"""One cause of many failures, said once for all the jobs it hit."""

from collections.abc import Mapping, Sequence

from ensemble.jobs.job import cause_of

SHOWN = 3
FOLD = " / fold "


def by_cause(reasons: Mapping[str, str]) -> list[str]:
    """A line for each cause of failures by job, the jobs before it: ``v / label / seed 0 / folds 0, 1, 2: reason``."""
    hit: dict[str, list[str]] = {}
    for job, reason in reasons.items():
        hit.setdefault(cause_of(reason), []).append(job)
    return [f"{_named(jobs)}: {reasons[jobs[0]]}" for jobs in hit.values()]


def _named(jobs: Sequence[str]) -> str:
    folds: dict[str, list[str]] = {}
    for job in jobs:
        name, _, fold = job.rpartition(FOLD) if FOLD in job else (job, "", "")
        folds.setdefault(name, []).append(fold)
    words = [f"{name} / fold{'s' * (len(of) > 1)} {', '.join(of)}" if of[0] else name for name, of in folds.items()]
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return (f"{len(jobs)} times, " if len(words) > 1 else "") + "; ".join(words[:SHOWN]) + more
