"""Messages that name options of a command, said of arguments; commands in them stay as they are."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ensemble.errors import EnsembleError

COLUMN = re.compile(r"--column '?(\w+)=([^';. ]*)'?")


@contextmanager
def said_of_arguments() -> Iterator[None]:
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
    return re.sub(r"(?<![\w-])--([a-z]+)", lambda found: f"{dict(images='root').get(found[1], found[1])}=", text)
