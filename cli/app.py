"""The `ensemble` application, and the options its subcommands share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="ensemble",
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

ConfigPath = Annotated[Path, typer.Option("-c", "--config", help="The configuration; paths in it are relative to it.")]
Overrides = Annotated[list[str], typer.Option("--set", help="KEY=VALUE on top of the configuration; repeatable.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress bars.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables.")]
TaskNames = Annotated[list[str], typer.Option("-t", "--task", help="Only this task; repeatable.")]
DEFAULT = Path("ensemble.toml")


def show(result: dict[str, Any], table: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        table(result)
