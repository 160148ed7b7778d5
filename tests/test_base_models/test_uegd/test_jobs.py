"""UEGD as a learner of a run: what its jobs record, what it is worth without a modality, several seeds."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from support.networks import freeze_imports, one_core
from support.regressions import MOOD
from support.uegd import NAMES, TINY, clips

from ensemble.jobs.ablation import MASKED, TRAINED, ablate
from ensemble.jobs.job import list_work
from ensemble.jobs.modality_weights import FILE
from ensemble.jobs.train import train
from ensemble.run import Run

LONG = {"epochs": 12, "lr": 1e-2, "warmup": 1, "workers": 0}


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    params = {**TINY, **dict.fromkeys(NAMES, "toy"), "layer": {"audio": "weighted"}, "training": LONG}
    made = make_run(clips(120, missing=0.1), {"uegd": ("toy", params)}, registry={"toy": "support.uegd:ToyUegd"})
    freeze_imports()
    with one_core():
        assert train(made, list_work(made, made.specs, [MOOD], ())) == []
        yield made  # type: ignore[misc]


def test_what_decides_is_missed_when_it_is_hidden_and_jobs_record_weights_and_gates(run: Run) -> None:
    found = ablate(run, "uegd", MOOD)
    against = {(row["without"], row["way"]): row["against"]["value"] or 0 for row in found["rows"][1:]}
    for way in (MASKED, TRAINED):
        assert all(against["audio", way] < -3 * abs(against[name, way]) for name in ("text", "video"))
    record = run.store.job(list_work(run, run.specs, [MOOD], ())[0].job).read_record()
    assert len(record["layer_weights"]["audio"]) == 3 and np.argmax(record["layer_weights"]["audio"]) == 1
    gates = record["modality_weights"]
    assert set(gates) == set(NAMES) and all(0 < gate < 1 for gate in gates.values())
    assert gates["audio"] == max(gates.values())
    kept = pd.read_parquet(run.store.base("uegd", "mood").path / FILE).set_index("id")
    there = run.data.frame.set_index("id")[list(NAMES)].notna()
    assert (kept.loc[there.index, list(NAMES)].notna() == there).all(axis=None)
