"""What a job took, for its record."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from ensemble.features import FeatureCache
from ensemble.jobs.usage import Meter, peak_bytes
from ensemble.records import CacheUse


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
    use = usage["cache"][encoder]
    assert (use["contents"], use["bytes"]) == (2, meter.cache.used(encoder))


def test_features_that_another_job_computed_are_told_from_a_job_s_own(tmp_path: Path) -> None:
    encoder = "text-" + "0" * 32

    def slow(rows: Sequence[int]) -> np.ndarray:
        time.sleep(0.02)
        return np.ones((len(rows), 4), dtype=np.float32)

    def use(keys: list[str]) -> CacheUse:
        meter = Meter(FeatureCache(tmp_path / "cache"))
        meter.cache.fill(encoder, keys, slow, 8, "blocks")
        return meter.read(7, tmp_path, tmp_path)["cache"][encoder]

    first, second, half = use(["a", "b"]), use(["a", "b"]), use(["a"])
    assert first["seconds"] == first["own_seconds"] > 0.01
    assert (second["seconds"], second["own_seconds"]) == (first["seconds"], 0.0)
    assert half["seconds"] == pytest.approx(first["seconds"] / 2, abs=0.001)
    (tmp_path / "cache" / encoder).joinpath(next((tmp_path / "cache" / encoder).glob("*.seconds")).name).unlink()
    assert use(["a"])["seconds"] is None, "of a cache of an older version"


def test_a_job_that_keeps_no_model_says_so_and_its_memory_is_that_of_the_process(tmp_path: Path) -> None:
    usage = Meter(FeatureCache()).read(7, tmp_path / "none", tmp_path / "none")
    assert usage["model_bytes"] is None and usage["cache"] == {}
    assert usage["peak_bytes"] is None or 0 < usage["peak_bytes"] <= (peak_bytes() or 0)
