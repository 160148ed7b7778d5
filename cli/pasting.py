"""Suggested commands as they can be pasted: with the configuration and the overrides of the command that says so."""

import re
import shlex
import sys
from collections.abc import Sequence

# These have --config.
CONFIGURED = "ablate|clean|data|distil|folds|import|plan|report|stack|status|submit|train-base|tune"
COMMAND = re.compile(rf"`ensemble ({CONFIGURED})\b([^`]*)`")
WITH_VALUE = re.compile("--config=|--set=|-c.")
GIVEN = ("-c", "--config", "--set")


def pasteable(text: str, arguments: Sequence[str] | None = None) -> str:
    """The text with ``-c`` and ``--set`` of these arguments, by default those of this process, in every command in
    backquotes that takes them and has none."""
    given = shlex.join(_given(sys.argv[1:] if arguments is None else arguments))
    if not given:
        return text
    return COMMAND.sub(lambda found: f"`ensemble {found[1]} {given}{found[2]}`" if _bare(found[2]) else found[0], text)


def _bare(rest: str) -> bool:
    return "--config" not in rest and "-c " not in rest


def _given(arguments: Sequence[str]) -> list[str]:
    given: list[str] = []
    for option, value in zip(arguments, [*arguments[1:], ""], strict=False):
        if option in GIVEN:
            given += [option, value]
        elif WITH_VALUE.match(option):
            given.append(option)
    return given
