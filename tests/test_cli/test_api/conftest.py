"""A project of a frame of drawn memes, trained and stacked once for all tests of the Python interface."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.frames import COLUMNS, SETTINGS, TASKS

import ensemble


@pytest.fixture(scope="session")
def frame(memes: Path) -> pd.DataFrame:
    """Labelled posts; what is empty is missing."""
    return pd.read_csv(memes / "posts.csv", dtype=str)


@pytest.fixture(scope="session")
def unlabelled(memes: Path) -> pd.DataFrame:
    return pd.read_csv(memes / "test.csv", dtype=str)


@pytest.fixture(scope="session")
def learners(encoders: dict[str, str]) -> dict[str, Any]:
    return {
        "prior": "prior",
        "tfidf": "tfidf",
        "both": {
            "learner": "frozen",
            "params": {"text": encoders["text"], "image": encoders["image"], "max_length": 64, "views": 1},
        },
    }


@pytest.fixture(scope="session")
def posts(frame: pd.DataFrame, unlabelled: pd.DataFrame, memes: Path) -> ensemble.Posts:
    return ensemble.Posts.from_frame(frame, TASKS, **COLUMNS, test=unlabelled, root=memes / "images")


@pytest.fixture(scope="session")
def finished(
    posts: ensemble.Posts, learners: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> ensemble.Project:
    """In a folder of its own, from which relative paths begin."""
    home, here = tmp_path_factory.mktemp("notebook"), Path.cwd()
    os.chdir(home)
    try:
        project = ensemble.Project.from_posts(posts, learners, "run", **SETTINGS)
    finally:
        os.chdir(here)
    project.train()
    project.stack()
    return project
