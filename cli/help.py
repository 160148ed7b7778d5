"""What `--help` says: types as words, and every command's first sentence whole, however narrow the terminal."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from typer.core import TyperGroup

WORDS: Mapping[type, str] = {int: "number", float: "number", str: "text", Path: "file"}  # an option may say another


class Commands(TyperGroup):
    """The subcommands, of which help cuts nothing."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """As it is, the types of its options named by a word."""
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.callback is not None:
            words = _words(command.callback)
            for parameter in command.params:
                if parameter.metavar is None and parameter.name in words:
                    _name_type(parameter, words[parameter.name])
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = []
        for name in self.list_commands(ctx):
            first = (self.get_command(ctx, name).help or "").split("\n\n")[0]
            rows.append((name, " ".join(first.split())))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _name_type(parameter: Any, word: str) -> None:
    """An option is followed by the word; an argument has a name of its own, in capitals, and the word behind it."""
    if parameter.param_type_name == "option":
        parameter.metavar = word
        return
    parameter.metavar = str(parameter.name).removesuffix("_").upper()
    if hasattr(parameter, "display_type_rich"):  # of the parser's newer versions; older ones show no type
        of_arguments = {"text": "name", "file": "folder" if parameter.name == "run" else "file"}
        parameter.display_type_rich = lambda ctx: of_arguments.get(word, word)


def _words(command: Any) -> dict[str, str]:
    """By parameter, but for those that are said or not."""
    hints = get_type_hints(inspect.unwrap(command))
    found = {name: WORDS.get(_one(kind)) for name, kind in hints.items()}
    return {name: word for name, word in found.items() if word is not None}


def _one(kind: Any) -> Any:
    """What a list or an optional value is of."""
    while get_origin(kind) in (list, Union, UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return kind
