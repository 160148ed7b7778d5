"""A driver for tests to kill. Arguments: the run folder, a file that lists ended fits, local or ray."""

import sys
from pathlib import Path

from opened import Open, train_all

from ensemble.engines.cluster import Cluster
from ensemble.engines.local import Local
from ensemble.interruption import listen
from ensemble.training import Engine

SEEDS = tuple(range(6))


def main() -> None:
    root, log, name = sys.argv[1:]
    opener = Open(Path(root), (("counted", (("file", log),)),), SEEDS)
    engine: Engine = Cluster(opener, 1, jobs=2) if name == "ray" else Local(opener, 2, 1)
    listen()
    try:
        assert train_all(opener, engine) == []
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
