"""What a job took, for its record."""

from pathlib import Path

import numpy as np

from ensemble.features import FeatureCache
from ensemble.jobs.usage import Meter, peak_bytes


def test_a_record_says_what_was_shared_and_what_lies_on_the_disk(tmp_path: Path) -> None:
    ticks = iter([10.0, 12.5])
    meter = Meter(FeatureCache(tmp_path / "cache"), clock=lambda: next(ticks))
    encoder = "text-" + "0" * 32
    meter.cache.fill(encoder, ["a", "b"], lambda rows: np.ones((len(rows), 4)), 8, "blocks")
    meter.ready()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(bytes(100))
    usage = meter.read(7, tmp_path / "model", tmp_path / "no checkpoints")
    assert (usage["rows"], usage["shared_seconds"]) == (7, 2.5)
    assert (usage["model_bytes"], usage["checkpoint_bytes"]) == (100, 0)
    assert usage["cache"] == {encoder: {"contents": 2, "bytes": meter.cache.used(encoder)}}


def test_a_job_that_keeps_no_model_says_so_and_its_memory_is_that_of_the_process(tmp_path: Path) -> None:
    usage = Meter(FeatureCache()).read(7, tmp_path / "none", tmp_path / "none")
    assert usage["model_bytes"] is None and usage["cache"] == {}
    assert usage["peak_bytes"] is None or 0 < usage["peak_bytes"] <= (peak_bytes() or 0)
