"""A run opened from its folder alone, its posts read again from where its record says that they were."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cli.finished import run_folder
from cli.parallel import Parallel
from cli.progress import Bars
from cli.session import Session, use_threads

if TYPE_CHECKING:
    from ensemble.store import Store


class RecordedSession(Session):
    """As the session of a configuration file, of the configuration that a run folder has recorded; nothing is trained
    in it. ``folder`` None is that of ./ensemble.toml. Raises StoreError for what is no run folder."""

    def __init__(self, folder: Path | None, quiet: bool) -> None:
        from ensemble.jobs.run_record import RunRecord
        from ensemble.system.progress import silent

        self.recorded: RunRecord = RunRecord.read(run_folder(folder))
        use_threads(self.recorded.threads)
        self.parallel = Parallel()
        self.config, self.home = self.recorded.config, self.recorded.home
        self._quiet, self.extend_folds = quiet, False
        self.track = silent if quiet else Bars()

    @cached_property
    def store(self) -> "Store":
        return self.recorded.store
