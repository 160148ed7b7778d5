"""Exported networks: compared once, then run without what made them."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from support.world import picture

from base_models.exports import checked
from base_models.visual.encoder import ImageEncoder, load
from base_models.visual.runtime import make_runtime
from ensemble.system.files import read_json, write_json

PIXELS = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)


def network(scale: float = 1.0) -> torch.nn.Module:
    layer = torch.nn.Conv2d(3, 2, 3, bias=False)
    with torch.no_grad():
        layer.weight.fill_(scale)
    return torch.nn.Sequential(layer, torch.nn.Flatten()).eval()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exports") / "network.onnx"
    make_runtime(network(), PIXELS, path, {"about": "ones"})
    return path


def test_an_export_and_its_note_stay_and_are_used_again(kept: Path) -> None:
    before = kept.read_bytes()
    note = checked(kept)
    assert note is not None and note["about"] == "ones"
    make_runtime(network(2.0), PIXELS, kept)  # would differ, were it looked at
    assert kept.read_bytes() == before


@pytest.mark.parametrize("change", [{"onnxruntime": "0.1"}, {"sha256": "0"}])
def test_of_another_file_or_another_runtime_the_note_says_nothing(kept: Path, change: dict[str, str]) -> None:
    note = kept.with_name("network.onnx.json")
    right = read_json(note)
    write_json(note, right | change)
    assert checked(kept) is None
    write_json(note, right)
    assert checked(kept) == right


def test_an_export_without_a_note_is_compared_and_made_again_where_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    make_runtime(network(), PIXELS, path)
    note, before = path.with_name("network.onnx.json"), path.read_bytes()
    note.unlink()
    make_runtime(network(), PIXELS, path)
    assert note.exists() and path.read_bytes() == before
    note.unlink()
    run = make_runtime(changed := network(2.0), PIXELS, path)
    assert path.read_bytes() != before
    np.testing.assert_allclose(run(PIXELS), changed(torch.from_numpy(PIXELS)).detach().numpy(), atol=1e-4)
    path.write_bytes(b"damaged")
    make_runtime(changed, PIXELS, path)
    assert checked(path) is not None


def test_what_cannot_be_noted_runs_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "network.onnx.json").mkdir()
    assert make_runtime(network(), PIXELS, tmp_path / "network.onnx")(PIXELS).shape == (3, 72)


@pytest.mark.alone
def test_an_encoder_that_was_exported_needs_neither_torch_nor_timm(encoders: dict[str, str], tmp_path: Path) -> None:
    picture(50, 70).save(image := tmp_path / "image.png")
    features = ImageEncoder(encoders["image"], 5, folder=tmp_path).encode([image])
    load.cache_clear()
    assert (ImageEncoder(encoders["image"], 5, folder=tmp_path).encode([image]) == features).all()
    program = (
        "import sys; from pathlib import Path; from base_models.visual.encoder import ImageEncoder\n"
        "encoder = ImageEncoder(sys.argv[1], 5, folder=Path(sys.argv[2]))\n"
        "print(encoder.encode([Path(sys.argv[3])]).tobytes().hex())\n"
        "assert not {'torch', 'timm', 'torchvision'} & set(sys.modules), sorted(sys.modules)"
    )
    arguments = [sys.executable, "-c", program, encoders["image"], str(tmp_path), str(image)]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}  # as every command says it
    found = subprocess.run(arguments, capture_output=True, text=True, check=False, env=os.environ | threads)
    assert found.stderr == "" and found.stdout.strip() == features.tobytes().hex()
