"""The `ensemble` command: runs a subcommand and turns its end into a line and an exit code."""

import os
import signal
import sys
import warnings
from typing import NoReturn

from cli.commands import app
from cli.pasting import pasteable
from ensemble.errors import EnsembleError
from ensemble.system.interruption import listen
from ensemble.system.threads import waiting

USER, INTERRUPTED = 2, 130


def main() -> NoReturn:
    """Exit with 0 done, 2 a user's mistake in one line, 130 interrupted. Anything else is our bug and shows itself."""
    os.environ.update(waiting())  # numeric libraries read it when they are loaded, which is later
    warnings.filterwarnings("ignore", module="PIL")  # what is wrong with an image, the audit says
    listen()
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False) or 0
        if code == INTERRUPTED:  # the argument parser's way of saying KeyboardInterrupt
            raise KeyboardInterrupt
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # `ensemble data | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except EnsembleError as error:
        _fail(str(error), USER)
    except KeyboardInterrupt:
        _fail("Interrupted. Nothing finished is lost: the same command continues.", INTERRUPTED)
    except Exception as error:
        if not hasattr(error, "format_message"):  # the argument parser's errors have it
            raise
        _fail(str(error.format_message()), USER)


def _fail(line: str, code: int) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):  # libraries tidy up at exit; another signal ends that at once
        signal.signal(number, signal.SIG_DFL)
    print(f"ensemble: {pasteable(' '.join(line.split()))}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
