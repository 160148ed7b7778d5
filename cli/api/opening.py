"""From a configuration file or a run folder to a project."""

from collections.abc import Sequence
from pathlib import Path

from cli.api.arguments import names_of, path_of
from cli.api.project import Project
from cli.api.wording import rephrased_errors
from cli.configured import Configured


def open_project(
    config: str | Path = "ensemble.toml",
    overrides: Sequence[str] = (),
    *,
    progress: bool | None = None,
    allow: Sequence[str] = (),
) -> Project:
    """The project of a configuration file, or of a run folder; ``overrides`` are as of ``--set``: "folds.k=10".
    ``allow`` names the other packages whose learners a run folder may import. Raises ConfigError and StoreError.
    """
    with rephrased_errors():
        given, allowed = names_of("overrides", overrides), names_of("allow", allow)
        return Project(Configured.read(path_of("config", config), given, allowed), given, progress)
