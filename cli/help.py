"""How help reads: types of values as words, no sentence cut."""

import inspect
from functools import partial
from typing import Any, get_args, get_type_hints

from typer.core import TyperGroup

WORDS = {"Path": "PATH", "str": "TEXT", "int": "NUMBER", "float": "NUMBER"}


class Commands(TyperGroup):
    """Subcommands whose options say in a word what they take, each told by the whole of its first sentence."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None and command.callback is not None and command.short_help is None:
            kinds = get_type_hints(inspect.unwrap(command.callback))
            for parameter in command.params:
                _put_in_words(parameter, kinds.get(parameter.name))
            command.short_help = " ".join((command.help or "").split("\n\n")[0].split())
        return command


def _put_in_words(parameter: Any, kind: Any) -> None:
    """What the parser knows better stays: choices, and what takes no value."""
    if parameter.param_type_name == "argument":
        parameter.metavar = parameter.metavar or parameter.name.upper()
        parameter.get_help_record = partial(_without_type, parameter.get_help_record)
    elif parameter.metavar is None:
        parameter.metavar = next((word for word in map(WORDS.get, _names(kind)) if word), None)


def _without_type(record: Any, ctx: Any) -> tuple[str, str]:
    """An argument and what it is, without the ``<path>`` that some versions of the parser put between."""
    name, told = record(ctx)
    return name.partition(" <")[0], told


def _names(kind: Any) -> list[str]:
    """The names of a type and of those inside it: of ``list[str] | None`` also ``str``."""
    inner = [name for part in get_args(kind) for name in _names(part)]
    return [getattr(kind, "__name__", ""), *inner]
