"""The `ensemble` command: runs a subcommand and turns its end into a line and an exit code."""

import errno
import gc
import os
import signal
import sys
import warnings
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

from cli.commands import app
from cli.pasting import pasteable
from ensemble.errors import EnsembleError
from ensemble.system.interruption import listen
from ensemble.system.threads import waiting

USER, INTERRUPTED = 2, 130
PARSER = {
    "Input should be greater than or equal to": "must be at least",
    "Input should be less than or equal to": "must be at most",
    "Input should be a valid integer, unable to parse string as an integer": "must be a whole number",
    "Value error, ": "",
}  # sentences of the argument parser's, and ours
_said: set[str] = set()  # warnings


def main() -> NoReturn:
    """Exit with 0 done, 2 a user's mistake in one line, 130 interrupted. Anything else is our bug and shows itself."""
    _prepare()
    listen()
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:  # the argument parser's way of saying KeyboardInterrupt
            raise KeyboardInterrupt
        sys.stdout.flush()
        sys.exit(code)
    except OSError as error:
        _end_of_writing(error)
    except EnsembleError as error:
        _fail(str(error), USER)
    except KeyboardInterrupt:
        _fail("Interrupted. Nothing finished is lost: the same command continues.", INTERRUPTED)
    except Exception as error:
        if not hasattr(error, "format_message"):  # the argument parser's errors have it
            raise
        _fail(_in_our_words(str(error.format_message())), USER)


def _end_of_writing(error: OSError) -> NoReturn:
    """A pipe's reader that has seen enough, a disk that is full; anything else is our bug."""
    if error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT):
        raise error
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python tries once more at its end
    if error.errno == errno.EPIPE:  # `ensemble data | head`
        sys.exit(0)
    where = f" {error.filename}" if error.filename else ""
    _fail(f"Cannot write{where}: {error.strerror}. Nothing finished is lost: the same command continues.", USER)


def _in_our_words(line: str) -> str:
    for theirs, ours in PARSER.items():
        line = line.replace(theirs, ours)
    return line


def _prepare() -> None:
    """What libraries must be told before they are loaded, and how they are heard."""
    gc.set_threshold(10_000)  # libraries and tables are a million objects of which none is garbage: a tenth of a start
    os.environ.update(waiting())  # numeric libraries read it when they are loaded, which is later
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with an image, the audit says
    warnings.showwarning = _say  # type: ignore[assignment]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a letter is no reason to stop


def _say(message: Warning, category: type[Warning], filename: str, *_: object) -> None:
    """A library's warning in one line: whose it is and what it says, not where in its code."""
    library = next((part for part in reversed(Path(filename).parts[:-1]) if part in sys.modules), "python")
    text = " ".join(str(message).split())
    if text not in _said:
        _said.add(text)
        print(f"  {library}: {text}", file=sys.stderr)


def _fail(line: str, code: int) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):  # libraries tidy up at exit; another signal ends that at once
        signal.signal(number, signal.SIG_DFL)
    print(f"ensemble: {pasteable(' '.join(line.split()))}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
