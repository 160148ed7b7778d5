"""A configuration and where it stands: a TOML file, or a run folder, which says of itself what it was made with."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.config import Config, load_config, make_config


@dataclass(frozen=True)
class Configured:
    """A configuration, the folder where its relative paths begin, and where it is written down (or will be, before any
    other process opens it): a file, or the run folder itself."""

    config: Config
    home: Path
    place: Path

    @classmethod
    def read(cls, path: Path, overrides: Sequence[str]) -> "Configured":
        """From a file, or from what a run folder says of itself."""
        place = path.resolve()
        if not (place / "run.json").is_file():
            return cls(load_config(path, overrides), place.parent, place)
        from ensemble.jobs.run_record import RunRecord

        record = RunRecord.read(path)
        values = record.config.model_dump(mode="json", exclude_unset=True)
        values.setdefault("run", {})["folder"] = os.path.relpath(place, record.home)  # it may have moved
        return cls(make_config(values, overrides), record.home, place)
