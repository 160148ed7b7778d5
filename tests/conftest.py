"""One tiny generated world for all tests: drawn memes, tiny encoders, and runs built from toy tables."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

# Several processes of tests share the cores: threads that wait must not spin. Before torch, which reads it once.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import hypothesis
import numpy as np
import pandas as pd
import pytest
from support import SHARED
from support.packages import Install, installing
from support.world import SARCASM, SENTIMENT

from base_models import LEARNERS
from cli.memes import draw_memes
from ensemble.bound_learners import LearnerSpec
from ensemble.content.scan import scan
from ensemble.data import Dataset
from ensemble.datasets import csv
from ensemble.folds import FoldSettings, make_plan
from ensemble.run import Run
from ensemble.store import Store

# A busy machine is no failure, and a check of a change looks at the same examples every time.
hypothesis.settings.register_profile("steady", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked real_data need the published datasets beside the checkout."""
    if not (SHARED / "data").is_dir():
        for item in items:
            if "real_data" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="no ../shared/data"))


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def memes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with posts.csv, test.csv and images/: 120 drawn memes, a few copies, a few without image or text."""
    folder = tmp_path_factory.mktemp("memes") / "data"
    draw_memes(folder, 120, seed=1)
    return folder


@pytest.fixture(scope="session")
def encoders(memes: Path) -> dict[str, str]:
    """Tiny random-weight networks as local folders: ``image``, ``text``, ``clip``, ``flava``, and one of each family of
    text networks, of each kind of speech networks, of three kinds of language models that see, or only read.
    And a ``lexicon``."""
    from support.lexicon import make_lexicon
    from support.speech import KINDS, make_speech
    from support.vlms import make_vlm

    from base_models.tiny import FAMILIES, make_clip, make_flava, make_image_encoder, make_text_encoder

    captions = pd.read_csv(memes / "posts.csv", keep_default_na=False)["caption"].tolist()
    folder = memes.parent / "encoders"
    return {
        "image": str(make_image_encoder(folder / "image")),
        "text": str(make_text_encoder(folder / "text", captions)),
        "clip": str(make_clip(folder / "clip", captions)),
        "flava": str(make_flava(folder / "flava", captions)),
        **{f"vlm-{kind}": str(make_vlm(folder / f"vlm-{kind}", kind)) for kind in ("llava", "qwen2", "text")},
        **{family: str(make_text_encoder(folder / family, captions, family)) for family in FAMILIES},
        **{kind: str(make_speech(folder / kind, kind)) for kind in KINDS},
        "lexicon": str(make_lexicon(folder / "lexicon.txt")),
    }


@pytest.fixture(scope="session")
def posts(memes: Path) -> Dataset:
    """The drawn memes as a scanned dataset with two tasks and test rows."""
    read = csv.read(
        memes,
        train="posts.csv",
        test="test.csv",
        tasks={SENTIMENT.name: SENTIMENT.classes, SARCASM.name: SARCASM.classes},
        id="name",
        text="caption",
        image="file",
        images="images",
    )
    return scan(read)[0]


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Run]:
    """A run in a fresh folder: ``make_run(data, {"name": ("learner", params)}, k=3)``."""

    def make(
        data: Dataset,
        learners: Mapping[str, tuple[str, dict[str, object]]],
        k: int = 3,
        registry: Mapping[str, str] = LEARNERS,
        folder: str = "run",
        **settings: float,
    ) -> Run:
        plan = make_plan(data, np.arange(len(data)), FoldSettings(k=k, **settings))  # type: ignore[arg-type]
        specs = tuple(LearnerSpec(name, learner, params) for name, (learner, params) in learners.items())
        return Run(Store(tmp_path / folder), plan.with_groups(data), plan, registry, specs)

    return make


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Packages of other people, installed for this test."""
    with installing(tmp_path / "site") as install:
        yield install
