"""MTCNN: published weights give published boxes; whatever the weights, boxes are boxes."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from support import SHARED
from support.clips import square
from support.faces import write_bright_detector, write_random_detector

from base_models.faces.boxes import best_of_each, moved, not_within, pixels_of, squared
from base_models.faces.detection import find_faces
from base_models.faces.networks import MTCNN, load_networks
from ensemble.content.images import open_image
from ensemble.errors import LearnerError

PUBLISHED = SHARED / "weights/mtcnn"
RANDOM = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def overlap(one: torch.Tensor, other: torch.Tensor) -> float:
    """Intersection by union."""
    shared = (torch.minimum(one[2:], other[2:]) - torch.maximum(one[:2], other[:2])).clamp(min=0).prod()
    return float(shared / ((one[2:] - one[:2]).prod() + (other[2:] - other[:2]).prod() - shared))


def some_boxes(random: np.random.Generator) -> torch.Tensor:
    corners = random.uniform(-20, 80, (random.integers(1, 20), 2))
    return torch.tensor(np.concatenate([corners, corners + random.uniform(1, 60, corners.shape)], 1)).float()


@pytest.mark.real_data
def test_published_weights_give_the_boxes_of_the_reference() -> None:
    networks = load_networks(str(PUBLISHED / "mtcnn.safetensors"))
    reference = json.loads((PUBLISHED / "reference.json").read_text())
    for wanted in reference["images"]:
        picture = open_image(SHARED / "data/mvsa" / wanted["image"])
        if sha256(picture.tobytes()).hexdigest() != wanted["rgb_sha256"]:
            pytest.skip("another JPEG decoder is at work")
        found = find_faces(networks, [picture])[0]
        assert len(found) == len(wanted["boxes"])
        np.testing.assert_allclose(found[:, :4], np.reshape(wanted["boxes"], (-1, 4)), atol=reference["tolerance_px"])
        np.testing.assert_allclose(found[:, 4], wanted["probabilities"], atol=1e-5)


def test_what_a_detector_takes_for_a_face_is_where_it_is_alone_and_in_company(tmp_path: Path) -> None:
    networks = load_networks(str(write_bright_detector(tmp_path / "bright.safetensors")))
    frames = [square(time) for time in (0.0, 1.0, 2.0, 3.0)]
    found = find_faces(networks, [*frames, Image.new("RGB", (96, 64))])
    assert [len(boxes) > 0 for boxes in found] == [True, True, True, True, False]
    for number, (frame, boxes) in enumerate(zip(frames, found, strict=False)):
        x, y = 8 + number * 80 / 3, 32
        assert (boxes[0, :2] < (x, y)).all() and (boxes[0, 2:4] > (x, y)).all() and boxes[0, 4] > 0.9
        np.testing.assert_allclose(find_faces(networks, [frame])[0], boxes, atol=1e-3)


@pytest.mark.parametrize("size", [(50, 40), (20, 20), (19, 300), (1, 1), (21, 70)])
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_boxes_show_some_of_the_picture_the_largest_first(tmp_path: Path, size: tuple[int, int], seed: int) -> None:
    networks = load_networks(str(write_random_detector(tmp_path / "random.safetensors", seed)))
    for boxes in find_faces(networks, [noise(*size, seed), noise(*size, seed + 9)]):
        assert boxes.shape[1] == 5 and np.isfinite(boxes).all() and (boxes[:, 4] > 0.7).all()
        assert (np.minimum(boxes[:, 2:4], size) - np.maximum(boxes[:, :2], 0) >= 1).all()
        area = np.prod(boxes[:, 2:4] - boxes[:, :2], axis=1)
        assert (np.diff(area) <= 0).all()
        assert not len(boxes) or min(size) >= 20


def test_random_networks_find_something_so_that_the_test_above_tests_something(tmp_path: Path) -> None:
    networks = load_networks(str(write_random_detector(tmp_path / "random.safetensors", seed=3)))
    assert len(find_faces(networks, [noise(50, 40)])[0]) > 1


@given(RANDOM, st.floats(0.05, 0.95))
def test_of_boxes_that_overlap_the_surest_stays_and_pictures_do_not_meet(
    random: np.random.Generator, most: float
) -> None:
    boxes = some_boxes(random)
    scores = torch.tensor(random.permutation(len(boxes)) / len(boxes)).float()
    pictures = torch.tensor(random.integers(0, 3, len(boxes)))
    kept = best_of_each(boxes, scores, pictures, most).tolist()
    for row in range(len(boxes)):
        above = [
            other
            for other in kept
            if pictures[other] == pictures[row]
            and scores[other] > scores[row]
            and overlap(boxes[row], boxes[other]) > most
        ]
        assert (row in kept) == (not above)


@given(RANDOM)
def test_of_a_box_within_another_the_surer_stays(random: np.random.Generator) -> None:
    boxes = some_boxes(random)[:1].repeat(3, 1)
    boxes[1] = torch.tensor([boxes[0, 0], boxes[0, 1], *(boxes[0, :2] + 0.4 * (boxes[0, 2:] - boxes[0, :2]))])
    boxes[2] += 1000
    scores = random.permutation(3).astype(np.float32)
    assert set(not_within(boxes.numpy(), scores, 0.7)) == {int(np.argmax(scores[:2])), 2}
    assert not_within(boxes.numpy()[:0], scores[:0], 0.7) == []


@given(RANDOM)
def test_squares_hold_their_boxes_and_keep_their_centres(random: np.random.Generator) -> None:
    boxes = some_boxes(random)
    squares = squared(boxes)
    sides = squares[:, 2:] - squares[:, :2]
    torch.testing.assert_close(sides[:, 0], sides[:, 1])
    torch.testing.assert_close(sides[:, 0], (boxes[:, 2:] - boxes[:, :2]).max(dim=1).values)
    torch.testing.assert_close(squares[:, :2] + squares[:, 2:], boxes[:, :2] + boxes[:, 2:], atol=1e-3, rtol=1e-4)


@given(RANDOM, st.integers(1, 90), st.integers(1, 90))
def test_pixels_of_a_box_lie_inside_the_picture(random: np.random.Generator, width: int, height: int) -> None:
    pixels = pixels_of(some_boxes(random), width, height)
    assert (pixels[:, :2] >= 0).all() and (pixels[:, 2] <= width).all() and (pixels[:, 3] <= height).all()


def test_boxes_are_moved_by_shares_of_their_sides() -> None:
    boxes = torch.tensor([[10.0, 20.0, 30.0, 60.0]])
    shares = torch.tensor([[0.1, -0.1, 0.2, 0.5]])
    assert moved(boxes, shares, added=0).tolist() == [[12.0, 16.0, 34.0, 80.0]]
    torch.testing.assert_close(moved(boxes, shares, added=1), torch.tensor([[12.1, 15.9, 34.2, 80.5]]))


def test_the_networks_have_as_many_numbers_as_published() -> None:
    assert sum(weights.numel() for weights in MTCNN().parameters()) == 495_850


def broken(kind: str, path: Path) -> Path:
    tensors = load_file(write_bright_detector(path))
    if kind == "missing":
        tensors.pop("onet.dense6_3.bias")
    elif kind == "foreign":
        tensors = {f"model.{name}": tensor for name, tensor in tensors.items()}
    elif kind == "other shape":
        tensors["pnet.conv1.weight"] = torch.zeros(10, 3, 5, 5)
    elif kind == "no numbers":
        tensors["rnet.dense4.bias"] = tensors["rnet.dense4.bias"] * torch.nan
    save_file(tensors, path)
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:1000])
    elif kind == "pickle":
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("missing", r"onet.dense6_3.bias is not there and should be \(10,\)"),
        ("foreign", "model.onet.conv1.bias is .* and should be not there"),
        ("other shape", r"pnet.conv1.weight is \(10, 3, 5, 5\) and should be \(10, 3, 3, 3\)"),
        ("no numbers", "some are no numbers"),
        ("cut", "no safetensors file"),
        ("pickle", "no safetensors file"),
    ],
)
def test_a_file_of_other_weights_is_refused_in_one_line(tmp_path: Path, kind: str, said: str) -> None:
    path = broken(kind, tmp_path / "weights.safetensors")
    with pytest.raises(LearnerError, match=said) as caught:
        load_networks(str(path))
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_a_detector_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="No such checkpoint"):
        load_networks(str(tmp_path / "nothing.safetensors"))
