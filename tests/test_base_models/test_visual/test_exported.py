"""Fold models on new posts: the export of an image network says what the network says, or the network does."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from support.finished import finish
from support.photos import photographed
from support.world import SENTIMENT

from base_models.visual.exported import ExportedClassifier, _failed, export_of
from base_models.visual.finetuned import Visual, VisualTraining
from ensemble.data import Dataset
from ensemble.jobs.finished import base_probabilities, find_models, predict_with_model
from ensemble.learner import TrainingContext
from ensemble.system.files import read_json
from ensemble.system.progress import silent

FREE = TrainingContext(exact=False)
PROBE = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 5, 8, 8, 3), dtype=np.uint8))


class Tiny(torch.nn.Module):
    """Pixels to two logits."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2, bias=False)
        torch.nn.init.constant_(self.layer.weight, scale)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer((pixels / 255).mean(dim=(-3, -2)))
        return logits


class Branching(Tiny):
    """Takes another way for bright images, of which an exporter sees one."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits = super().forward(pixels)
        return 2 * logits if pixels.max() > 9 else logits


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return photographed(tmp_path_factory.mktemp("shots"))


@pytest.fixture(scope="module")
def saved(shots: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    learner = made()
    learner.fit(shots, SENTIMENT, seed=0)
    learner.save(folder := tmp_path_factory.mktemp("saved"))
    return folder


def made(**params: object) -> Visual:
    training = VisualTraining(epochs=1, batch=5)
    return Visual("test_resnet", **({"pretrained": False, "size": 64, "views": 10, "training": training} | params))  # type: ignore[arg-type]


def loaded(folder: Path, context: TrainingContext, **params: object) -> Visual:
    learner = made(**params)
    learner.load(folder)
    learner.set_context(context)
    return learner


def test_new_posts_are_asked_of_an_export_that_equals_the_network(saved: Path, shots: Dataset) -> None:
    exact = loaded(saved, TrainingContext()).predict_with_spread(shots)
    assert not (saved / "visual.onnx").exists()
    fast = loaded(saved, FREE).predict_with_spread(shots)
    assert (saved / "visual.onnx").exists()
    for found, expected in zip(fast, exact, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert (loaded(saved, FREE).predict_proba(shots) == fast[0]).all()
    assert (loaded(saved, TrainingContext()).predict_proba(shots) == exact[0]).all()


def test_what_was_fitted_here_and_what_is_to_run_in_16_bits_is_not_exported(tmp_path: Path, shots: Dataset) -> None:
    learner = made()
    learner.set_context(FREE)
    learner.fit(shots, SENTIMENT, seed=0)
    before = learner.predict_proba(shots)
    learner.save(tmp_path)
    assert (loaded(tmp_path, TrainingContext()).predict_proba(shots) == before).all()
    loaded(tmp_path, FREE, training=VisualTraining(precision="bfloat16")).predict_proba(shots)
    assert not list(tmp_path.glob("*.onnx*"))


def test_an_export_is_made_again_where_it_is_damaged_or_of_other_weights(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    first = export_of(Tiny(), (8, 8), path)
    assert isinstance(first, ExportedClassifier)
    torch.testing.assert_close(first(PROBE), Tiny()(PROBE))
    whole, noted = path.read_bytes(), path.stat().st_mtime_ns
    export_of(Tiny(), (8, 8), path)
    assert path.stat().st_mtime_ns == noted
    torch.testing.assert_close(export_of(Tiny(2.0), (8, 8), path)(PROBE), 2 * first(PROBE))
    path.write_bytes(whole[:50])
    torch.testing.assert_close(export_of(Tiny(2.0), (8, 8), path)(PROBE), 2 * first(PROBE))
    assert set(read_json(tmp_path / "network.onnx.json")) == {"sha256", "onnxruntime", "weights"}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["network.onnx", "network.onnx.json"]


def test_a_network_whose_export_differs_runs_itself_and_one_line_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _failed.clear()
    with caplog.at_level(logging.WARNING, "ensemble"):
        networks = [Branching(), Branching(2.0)]
        assert [export_of(network, (8, 8), tmp_path / "network.onnx") for network in networks] == networks
    assert len(caplog.messages) == 1 and "the export differs by" in caplog.messages[0]
    assert not list(tmp_path.iterdir())


def test_a_run_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("base_models.visual.exported.can_write", lambda folder: False)  # root may always write
    assert isinstance(export_of(Tiny(), (8, 8), tmp_path / "network.onnx"), ExportedClassifier)
    assert not list(tmp_path.iterdir())


def test_fold_models_of_a_finished_run_keep_their_exports_and_stay_whole(tmp_path: Path, shots: Dataset) -> None:
    params = {"model": "test_resnet", "pretrained": False, "size": 32, "views": 2, "training": {"epochs": 1}}
    run = finish(tmp_path, shots, {"network": ("visual", params)})
    _, work = find_models(run, "network", SENTIMENT, [])
    values = base_probabilities(run, work, shots)["network", "sentiment"].values
    exact = [predict_with_model(run, job, shots, shots, silent).values for job in work]
    assert not (exact[0] == exact[1]).any()
    np.testing.assert_allclose(values, np.mean(exact, axis=0), atol=1e-4)
    _, work = find_models(run, "network", SENTIMENT, [])  # a model that were not whole would be refused
    assert all((run.store.job(job.job).model / "visual.onnx").is_file() for job in work)
    assert (base_probabilities(run, work, shots)["network", "sentiment"].values == values).all()
