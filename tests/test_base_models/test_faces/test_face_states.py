"""Encoders of frames that are cut to faces: zeros where none is, and the rest as if the faces had been given."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.clips import square, write_video
from support.faces import write_bright_detector
from support.networks import one_core

from base_models.faces.preparation import Faces
from base_models.frozen import Frozen
from base_models.sequences.frames import FrameEncoder
from base_models.sequences.states import SequenceStates
from ensemble.data import Dataset, Task
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache

MOOD = Task("mood", ("low", "high"))


@pytest.fixture(autouse=True)
def on_one_core():  # type: ignore[no-untyped-def]
    with one_core():
        yield


def comes_late(time: float, size: tuple[int, int], seed: int) -> Image.Image:
    return Image.new("RGB", size, (30, 30, 30)) if time < 1 else square(time, size, seed)


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Eight videos, in the first of which the square comes late; and one post without."""
    root = tmp_path_factory.mktemp("posts")
    write_bright_detector(root / "bright.safetensors")
    write_video(root / "0.mp4", 2.0, draw=comes_late)
    for number in range(1, 8):
        write_video(root / f"{number}.mp4", 1.0, seed=number)
    videos = [f"{number}.mp4" for number in range(8)] + [None]
    frame = pd.DataFrame({"id": [f"p{row}" for row in range(9)], "part": "train", "video": videos}, dtype=object)
    return Dataset(
        frame.assign(mood=["low", "high", "low", "high", "low", "high", "low", "high", "low"]), root, (MOOD,)
    )


def encoder_of(model: str, posts: Dataset, faces: str, cache: FeatureCache, **settings: int) -> FrameEncoder:
    detector = str(posts.root / "bright.safetensors") if faces == "mtcnn" else None
    return FrameEncoder(model, 2.0, 60.0, Faces(faces, detector, 2.0, cache, seconds=60.0, **settings))  # type: ignore[arg-type]


def test_a_frame_without_a_face_has_zeros_for_states(encoders: dict[str, str], posts: Dataset) -> None:
    cache = FeatureCache()
    sought, given, whole = (encoder_of(encoders["clip"], posts, faces, cache) for faces in ("mtcnn", "given", "none"))
    found = SequenceStates(sought, ["last", 1], cache).read(posts)
    for of_layer in found:
        late, other = of_layer[0], of_layer[1]
        assert late is not None and other is not None and of_layer[-1] is None
        assert (late[:2] == 0).all() and (late[2:] != 0).any(axis=1).all()
        assert (other != 0).any(axis=1).all()
    for encoder in (given, whole):
        (states,) = SequenceStates(encoder, ["last"], cache).read(posts)
        assert states[1] is not None and not np.allclose(states[1], found[0][1], atol=1e-3)


def test_a_video_has_the_same_states_alone_and_in_any_company(encoders: dict[str, str], posts: Dataset) -> None:
    encoder = encoder_of(encoders["clip"], posts, "mtcnn", FeatureCache())
    (together,) = SequenceStates(encoder, ["last"], FeatureCache()).read(posts)
    for row in range(3):
        other = encoder_of(encoders["clip"], posts, "mtcnn", FeatureCache())
        (alone,) = SequenceStates(other, ["last"], FeatureCache()).read(posts.take([row]))
        np.testing.assert_array_equal(alone[0], together[row])


def test_states_are_kept_by_what_they_are_cut_to(encoders: dict[str, str], posts: Dataset) -> None:
    model, cache = encoders["clip"], FeatureCache()
    made = [encoder_of(model, posts, faces, cache).key for faces in ("mtcnn", "given", "none")]
    made += [encoder_of(model, posts, "mtcnn", cache, margin=40).key]
    assert len(set(made)) == 4
    assert made[2] == FrameEncoder(model, 2.0, 60.0).key


def test_frozen_looks_at_faces_and_its_record_counts_them(
    encoders: dict[str, str], posts: Dataset, tmp_path: Path
) -> None:
    settings = {"video": encoders["clip"], "fps": 2.0, "faces": "mtcnn"}
    learner = Frozen(**settings, detector=str(posts.root / "bright.safetensors"))  # type: ignore[arg-type]
    assert learner.sources()[-1] == posts.root / "bright.safetensors"
    cache = FeatureCache(tmp_path)
    learner.check_models(posts, cache)
    learner.prepare(posts.without_labels(), cache)
    learner.fit(posts, MOOD, 0)
    assert learner.training_info() == {
        "fit_posts": {"rows": 9, "clips": 8, "frames": 18, "frames_without_face": 2, "clips_without_face": 0}
    }
    assert np.isfinite(learner.predict_proba(posts.without_labels())).all()
    assert Frozen(video=encoders["clip"]).training_info() == {}


def test_frozen_refuses_faces_that_nothing_looks_for(encoders: dict[str, str], posts: Dataset) -> None:
    with pytest.raises(LearnerError, match='faces = "mtcnn" needs detector'):
        Frozen(video=encoders["clip"], faces="mtcnn")
    with pytest.raises(LearnerError, match="video is not set"):
        Frozen(image=encoders["image"], faces="given")
    detector = str(posts.root / "0.mp4")
    with pytest.raises(LearnerError, match="no safetensors file"):
        Frozen(video=encoders["clip"], faces="mtcnn", detector=detector).check_models(posts, FeatureCache())
