"""Messages that name options of a command, said of arguments; commands in them stay as they are."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ensemble.errors import EnsembleError

COLUMN = re.compile(r"--column '?(\w+)=([^';. ]*)'?")
PACKAGE = re.compile(r"--allow ([\w.]+)")
OPTION = re.compile(r"(?<![\w-])--(no-)?([a-z]+(?:-[a-z]+)*)")
ARGUMENTS = {"images": "root", "set": "overrides", "operating-point": "operating_points"}  # of another name


@contextmanager
def rephrased_errors() -> Iterator[None]:
    """Errors of the user's from inside, in these words."""
    try:
        yield
    except EnsembleError as error:
        said = in_arguments(str(error))
        if said == str(error):
            raise
        raise type(error)(said) from error


def in_arguments(text: str) -> str:
    """``--images names it`` as ``root= names it``."""
    parts = text.split("`")
    parts[::2] = [_in_arguments(part) for part in parts[::2]]
    return "`".join(parts)


def _in_arguments(text: str) -> str:
    text = COLUMN.sub(lambda found: f'columns={{"{found[1]}": "{found[2]}"}}', text)
    return OPTION.sub(_argument, PACKAGE.sub(lambda found: f"allow=[{found[1]!r}]", text))


def _argument(option: "re.Match[str]") -> str:
    name = ARGUMENTS.get(option[2], option[2].replace("-", "_"))
    return f"{name}=False" if option[1] else f"{name}="


def log_line(line: str) -> None:
    """What a command prints beside its result; lines with ! are warnings."""
    level = logging.WARNING if line.startswith("!") else logging.INFO
    logging.getLogger("ensemble").log(level, "%s", line.removeprefix("! ").strip())
