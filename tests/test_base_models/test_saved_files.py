"""The files of a saved network and what stands in them, by the names that models of the version before have."""

from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file
from support.networks import freeze_imports, one_core
from support.speech import with_sounds
from support.world import SENTIMENT

from base_models import LEARNERS
from base_models.neural.state import TrainingState
from ensemble.data import Dataset
from ensemble.learner_factory import make_learner
from ensemble.system.files import read_json, write_json

JOINT = {"frequencies", "whole"}
ONE_EPOCH = {"epochs": 1, "warmup": 0, "validation": 0, "patience": 0, "min_epochs": 0}
TEXTUAL = {"max_length": 16, "lstm_width": 4, "attention_width": 4, "hidden_width": 4}
CASES: dict[str, tuple[str, dict[str, Any], str, set[str], str]] = {
    "visual": ("visual", {"model": "image", "views": 1}, "visual", {"frequencies"}, "body.bn1.weight"),
    "textual": ("textual", {"model": "bert", **TEXTUAL}, "textual", {"frequencies", "pooling"}, "head.classes.weight"),
    "acoustic": ("acoustic", {"model": "whisper"}, "acoustic", {"frequencies"}, "head.classes.weight"),
    "uegd": (
        "uegd",
        {"text": "bert", "image": "image", "max_length": 16, "width": 4, "hidden_width": 4},
        "uegd",
        {"frequencies"},
        "encoders.text.layers.scores",
    ),
    "fusion": (
        "fusion",
        {"image": "image", "text": "bert", "width": 4, "heads": 2, "max_length": 16, "missing": "learned"},
        "joint",
        JOINT,
        "absent.token",
    ),
    "flava": (
        "flava",
        {"model": "flava", "max_length": 16, "missing": "learned"},
        "joint",
        JOINT,
        "absent",
    ),
    "clip": (
        "clip",
        {"model": "clip", "train": "lora", "max_length": 32},
        "joint",
        JOINT,
        "head.classify.weight",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_files_records_and_weights_have_their_names(
    case: str, encoders: dict[str, str], posts: Dataset, tmp_path: Path
) -> None:
    name, params, stem, keys, weight = CASES[case]
    params = {key: encoders.get(value, value) if isinstance(value, str) else value for key, value in params.items()}
    freeze_imports()
    with one_core():
        learner = make_learner(LEARNERS, name, {**params, "training": ONE_EPOCH}, "tests")
        learner.fit(with_sounds(posts.take(range(20)), tmp_path / "sounds"), SENTIMENT, 0)
    learner.save(tmp_path)
    assert set(read_json(tmp_path / f"{stem}.json")) == keys
    assert weight in load_file(tmp_path / f"{stem}.safetensors")
    assert (tmp_path / "config.json").exists() == (name in ("textual", "acoustic"))


def test_a_state_of_the_version_before_is_gone_on_with(tmp_path: Path) -> None:
    state = TrainingState(curve=[{"epoch": 1, "loss": 0.5}], micro_batches={"micro_batch": 4, "steps_repeated": 2})
    state.write(tmp_path / "new.json")
    record = read_json(tmp_path / "new.json")
    record["pieces"] = record.pop("micro_batches")
    write_json(tmp_path / "old.json", record)
    assert TrainingState.read(tmp_path / "old.json") == state == TrainingState.read(tmp_path / "new.json")
