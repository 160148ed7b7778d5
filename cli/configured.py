"""A configuration and where it stands: a TOML file, or a run folder, which says of itself what it was made with."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.config import Config, load_config, make_config
from ensemble.errors import ConfigError


@dataclass(frozen=True)
class Configured:
    """A configuration, the folder where its relative paths begin, and where it is written down (or will be, before any
    other process opens it): a file, or the run folder itself. ``allow`` are the other packages whose code it may name:
    those that a user has written down or allowed."""

    config: Config
    home: Path
    place: Path
    allow: tuple[str, ...] = ()

    @classmethod
    def written(cls, config: Config, home: Path, place: Path, allow: Sequence[str] = ()) -> "Configured":
        """By the user, who may name any package."""
        from base_models import LEARNERS
        from ensemble.jobs.run_record import foreign_packages

        return cls(config, home, place, (*allow, *foreign_packages(config, LEARNERS)))

    @classmethod
    def read(cls, path: Path, overrides: Sequence[str], allow: Sequence[str] = ()) -> "Configured":
        """From a file, or from what a run folder says of itself; raises ConfigError where the latter names code of
        another package than those to ``allow``."""
        place = path.resolve()
        if not (place / "run.json").is_file():
            _check_is_named(path)
            return cls.written(load_config(path, overrides), place.parent, place)
        from base_models import LEARNERS
        from ensemble.jobs.run_record import RunRecord

        record = RunRecord.read(path)
        record.check_allowed(LEARNERS, allow)
        values = record.config.model_dump(mode="json", exclude_unset=True)
        values.setdefault("run", {})["folder"] = os.path.relpath(place, record.home)  # it may have moved
        return cls.written(make_config(values, overrides), record.home, place, allow)


def _check_is_named(path: Path) -> None:
    """What can be no configuration was meant for a run folder."""
    if path.is_dir():
        raise ConfigError(f"{path} is no run folder, as it has no run.json; name one, or a configuration file.")
    if not path.exists() and not path.suffix:
        raise ConfigError(f"No such file or folder: {path}; name a run folder, or a configuration file.")
