"""What a job took, for its record: time, memory, disk; from this the next ones are planned."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ensemble.features import FeatureCache
from ensemble.records import CacheUse, Usage
from ensemble.system.folders import size_of


class Meter:
    """Begins with the job. ``ready()`` ends what folds and tasks share, such as encoding."""

    def __init__(self, cache: FeatureCache, clock: Callable[[], float] = time.monotonic) -> None:
        self.cache = cache
        cache.asked, cache.spent = {}, {}
        self._clock = clock
        self._began = clock()
        self._shared = 0.0
        forget_peak()

    def ready(self) -> None:
        self._shared = self._clock() - self._began

    def read(self, rows: int, model: Path, unfinished: Path) -> Usage:
        """``model`` and ``unfinished``, its checkpoints, are folders."""
        threads = os.environ.get("OMP_NUM_THREADS", "")
        return Usage(
            rows=rows,
            shared_seconds=round(self._shared, 3),
            threads=int(threads) if threads.isdigit() else None,
            peak_bytes=peak_bytes(),
            model_bytes=size_of(model) if model.is_dir() else None,
            checkpoint_bytes=size_of(unfinished),
            cache={
                encoder: CacheUse(
                    contents=contents,
                    bytes=self.cache.used(encoder),
                    seconds=_rounded(self.cache.seconds(encoder)),
                    own_seconds=round(self.cache.spent.get(encoder, 0.0), 3),
                )
                for encoder, contents in sorted(self.cache.asked.items())
                if self.cache.root is not None
            },
        )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def forget_peak() -> None:
    """From here on ``peak_bytes`` is of what comes, where the system can forget (Linux); else of the whole process."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int | None:
    """The most memory this process has held, without that of a GPU; None where the system does not say."""
    with suppress(OSError, StopIteration, ValueError, IndexError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
    with suppress(ImportError):
        import resource
        import sys

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
    return None
