"""A driver for tests to kill. Arguments: train or tune, local or ray, the run folder, a file that lists ended fits."""

import sys
from contextlib import nullcontext
from pathlib import Path

from ensemble.jobs.cluster import Cluster
from ensemble.jobs.local import Local
from ensemble.jobs.train import Engine, sequential
from ensemble.system.interruption import listen
from ensemble.tuning.outcome import StudySummary
from ensemble.tuning.search import TuneSettings
from ensemble.tuning.trials import tune
from support.opened import Open, train_all
from support.world import SENTIMENT

SEEDS = tuple(range(6))
SETTINGS = {
    "local": TuneSettings(trials=12, folds="nested"),  # prunes
    "ray": TuneSettings(trials=12, folds="all", prune=False),  # all folds of a trial at once
}


def opener_of(what: str, root: Path, log: str = "", pause: float = 0.1) -> Open:
    if what == "train":
        return Open(root, (("counted", (("file", log),)),), SEEDS)
    return Open(root, (("mortal_dial", (("pause", pause),)),), rows=150)


def tune_all(opener: Open, name: str, engine: Engine = sequential) -> StudySummary:
    return tune(opener(), "mortal_dial", SENTIMENT, SETTINGS[name], engine=engine, at_once=2)


def main() -> None:
    what, name, root, log = sys.argv[1:]
    opener = opener_of(what, Path(root), log)
    engine: Engine = Cluster(opener, 1, gpus=0, jobs=2) if name == "ray" else Local(opener, 2, 1)
    listen()
    try:
        with engine.connected() if isinstance(engine, Cluster) else nullcontext():
            assert train_all(opener, engine) == [] if what == "train" else tune_all(opener, name, engine)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
