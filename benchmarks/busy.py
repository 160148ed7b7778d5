"""How a command fares on a busy machine: alone, then beside processes that compute without end.

    python benchmarks/busy.py -- ensemble demo {folder}             # {folder} is a new one each time
    python benchmarks/busy.py --busy 4 --alone 61 -- ensemble stack -c ensemble.toml

A fair share: with as many processes of its own as there are cores, beside ``--busy`` others, a command has
cores / (cores + busy) of the machine, so it should take (cores + busy) / cores times as long as alone; the ratio says
how much more it takes. All run in one session, as Linux shares cores out among sessions first.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ENDLESS = "while True: pass"
CORES = os.cpu_count() or 1


def seconds(command: Sequence[str], busy: int) -> float:
    """Of the command, beside so many busy processes, in a session of their own."""
    with tempfile.TemporaryDirectory() as folder:
        words = [word.replace("{folder}", str(Path(folder) / "new")) for word in command]
        others = [subprocess.Popen([sys.executable, "-c", ENDLESS]) for _ in range(busy)]
        started = time.monotonic()
        try:
            done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        finally:
            for other in others:
                other.kill()
        if done.returncode:
            sys.exit(f"exit code {done.returncode}: {done.stdout[-2000:]}")
        return time.monotonic() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=8)
    parser.add_argument("--alone", type=float, help="seconds alone, where they are known")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    if os.getsid(0) != os.getpid():
        sys.exit(subprocess.run([sys.executable, *sys.argv], start_new_session=True).returncode)
    alone = options.alone or seconds(options.command, 0)
    print(f"alone {alone:.1f} s", flush=True)
    beside = seconds(options.command, options.busy)
    fair = alone * (CORES + options.busy) / CORES
    print(f"beside {options.busy} busy processes {beside:.1f} s: {beside / fair:.2f} of a fair share ({fair:.1f} s)")


if __name__ == "__main__":
    main()
