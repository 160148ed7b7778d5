"""The `ensemble` application, and the options its subcommands share."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from cli.help import Commands
from ensemble.errors import EnsembleError

if TYPE_CHECKING:
    from ensemble.jobs.job import Failure

Result = TypeVar("Result")
app = typer.Typer(
    name="ensemble",
    cls=Commands,
    help="Stacked ensembles that read the feeling of image + text posts.\n\n\b\n"
    "ensemble demo                                    the whole way on small drawn memes, offline\n"
    "ensemble init memotion --root DIR                write ensemble.toml for a dataset\n"
    "ensemble data                                    look before you train\n"
    "ensemble train-base && ensemble stack && ensemble submit\n"
    "ensemble predict new.csv                         label new posts with a finished run",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[
    Path,
    typer.Option("-c", "--config", "--run", help="The configuration, where its paths begin; or a run folder."),
]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="key=value", help="On top of the configuration; repeatable.")
]
LearnerNames = Annotated[
    list[str], typer.Option("-l", "--learner", metavar="name", help="Only this base learner; repeatable.")
]
OneTask = Annotated[
    str | None, typer.Option("-t", "--task", metavar="name", help="Needed where there are several tasks.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
TaskNames = Annotated[list[str], typer.Option("-t", "--task", metavar="name", help="Only this task; repeatable.")]
Jobs = Annotated[
    int | None,
    typer.Option("-j", "--jobs", min=1, help="Jobs at a time. Default: 1; train-base on a cluster: all it can hold."),
]
Gpus = Annotated[str, typer.Option(metavar="numbers", help="GPUs of this machine that jobs run on, such as 0,1.")]
JobsPerGpu = Annotated[
    int | None, typer.Option(min=0, help="Jobs at a time on each GPU, of --gpus or of Ray (0: jobs without a GPU).")
]
EngineName = Annotated[
    str, typer.Option("--engine", metavar="name", help="local: processes of this machine; ray: tasks of Ray.")
]
Address = Annotated[str, typer.Option(help="A Ray cluster's address, or auto. Default: Ray is started here.")]
Allow = Annotated[
    list[str],
    typer.Option("--allow", metavar="package", help="Its learners may be imported, as installed here; repeatable."),
]


def _checked(budget: str) -> str:
    """Refused before anything is read."""
    from ensemble.upkeep.budget import seconds_of

    if budget:
        seconds_of(budget)
    return budget


Budget = Annotated[
    str,
    typer.Option(
        metavar="time", help="Stop after this time, such as 2h or 90m; most per minute first.", callback=_checked
    ),
]
DEFAULT = Path("ensemble.toml")


def _say_version(asked: bool) -> None:
    if asked:
        from ensemble.jobs.run_record import versions

        print("ensemble", versions().get("modality-ensemble", "of a checkout that is not installed"))
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """What is said of all subcommands stands in ``app``."""


def show(result: Result, table: Callable[[Result], None], as_json: bool) -> None:
    """A command's result, dataclasses or plain values, as a table or as JSON."""
    if as_json:
        print(json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False, default=asdict))
    else:
        table(result)


def stop_where_failed(failures: "Sequence[Failure]") -> None:
    """Exit with 2 where jobs have failed, with 1 where one did by a bug."""
    if failures:
        raise typer.Exit(1 if any(failure["bug"] for failure in failures) else 2)


def stop_where_refused(reasons: Sequence[str]) -> None:
    """Exit with 2 where there is a reason, the first on the error line."""
    if reasons:
        raise EnsembleError(reasons[0])
