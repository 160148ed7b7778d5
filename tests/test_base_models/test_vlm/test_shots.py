"""Few-shot examples: fit rows, balanced, by seed, with their images, never the post itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.asked import fitted, quick, whole_posts
from support.world import SENTIMENT

from base_models.vlm.shots import Shot, Shots, draw_rows, keys_of
from base_models.vlm.vlm import Vlm
from base_models.vlm.words import PromptBatch
from ensemble.data import Dataset
from ensemble.folds import FoldSettings, make_plan


@pytest.fixture
def grouped(posts: Dataset) -> Dataset:
    """Labelled posts of which copies share a group."""
    plan = make_plan(posts, np.arange(len(posts)), FoldSettings(k=3))
    return plan.with_groups(posts).take((posts.frame["part"] == "train").to_numpy())


def asked(model: str, count: int = 4, train: str = "none", **params: Any) -> Vlm:
    return quick(model, train, shots=count, max_length=8, **params)


def test_classes_take_turns_and_of_copies_one_is_drawn(grouped: Dataset) -> None:
    labels = grouped.codes(SENTIMENT)
    for seed in range(5):
        chosen, spare = draw_rows(grouped, SENTIMENT, 7, seed)
        assert sorted(np.bincount(labels[chosen])) == [2, 2, 3]
        rows = [*chosen, *{row for row in spare if row is not None}]
        assert len(set(grouped.groups[rows])) == len(rows)
        assert all(labels[one] == labels[other] for one, other in zip(chosen, spare, strict=True))
        assert draw_rows(grouped, SENTIMENT, 7, seed) == (chosen, spare)
    assert draw_rows(grouped, SENTIMENT, 7, 0) != draw_rows(grouped, SENTIMENT, 7, 1)
    assert draw_rows(grouped, SENTIMENT, 0, 0) == ([], [])


def test_where_rows_are_few_all_are_shown(grouped: Dataset) -> None:
    few = grouped.take([0, 1, 2])
    chosen, spare = draw_rows(few, SENTIMENT, 9, 0)
    assert sorted(chosen) == [0, 1, 2] and spare == [None] * 3
    without = few.with_columns(text=None, image=None, image_hash=None)
    assert draw_rows(without, SENTIMENT, 2, 0) == ([], []), "of a post of nothing nothing can be shown"


def test_a_post_is_shown_another_example_instead_of_itself_or_a_copy() -> None:
    one, two, other = (Shot(keys, 0, None, frozenset(keys)) for keys in ("ag", "bh", "ci"))
    shots = Shots((one, two), (other, None))
    assert shots.of(frozenset({"x"})) == [one, two]
    assert shots.of(frozenset({"a"})) == shots.of(frozenset({"z", "g"})) == [other, two]
    assert shots.of(frozenset({"h"})) == [one]
    assert shots.of(frozenset({"g", "i"})) == [two]
    assert Shots.restored(shots.record()) == shots


def test_no_row_meets_itself_and_none_meets_a_held_out_one(folders: dict[str, str], grouped: Dataset) -> None:
    train, held = grouped.take(np.arange(0, 60)), grouped.take(np.arange(60, len(grouped)))
    learner = fitted(asked(folders["text"], 30), train)
    question = learner._question
    assert question is not None
    fit_keys, held_keys = keys_of(train), keys_of(held)
    shown = [shot for shot in (*question.shots.chosen, *question.shots.spare) if shot is not None]
    assert len(question.shots.chosen) == 30 and {shot.keys for shot in shown} <= set(fit_keys)
    for keys in (*fit_keys, *held_keys):
        assert not any(shot.keys & keys for shot in question.shots.of(keys))


def test_examples_have_their_images_where_a_prompt_may_hold_several(folders: dict[str, str], grouped: Dataset) -> None:
    whole = whole_posts(grouped, None)
    for kind, pictured in (("llava", True), ("qwen2.5", True), ("blip2", False), ("text", False)):
        learner = fitted(asked(folders[kind], 2), whole)
        question, source = learner._question, learner._source()
        assert question is not None
        batch = source.examples(whole.take(range(5)), 1, training=False).batch(range(5))
        described = learner._interviewer.described
        places = (batch["input_ids"] == described.placeholder).sum(dim=1)
        own = int(kind != "text")
        assert places.tolist() == [(own + 2 * pictured) * described.family.run] * 5
        assert (len(question.shots.pictures) > 0) == pictured
        assert batch["shown"].shape == (5, 2) and (batch["shown"] >= 0).all() == pictured


def test_examples_stand_in_the_network_as_if_they_were_posts(folders: dict[str, str], grouped: Dataset) -> None:
    whole = whole_posts(grouped)
    learner = fitted(asked(folders["qwen2.5"], 2), whole)
    network = learner.network_
    assert network is not None
    batch = learner._source().examples(whole, 1, training=False).batch([3, 5])
    network.eval()
    with torch.inference_mode():
        found = network(**batch)
        pictures = network.body.see(network.pictures)
        own = network.body.see(batch["pixels"])
        for row in range(2):
            ids, mask = batch["input_ids"][row : row + 1], batch["attention_mask"][row : row + 1]
            states = torch.cat((pictures[batch["shown"][row]], own[row : row + 1]))
            alone = network.answer(network.body, PromptBatch(ids, mask, states))
            torch.testing.assert_close(found[row : row + 1], alone, atol=2e-3, rtol=1e-3)


def test_a_frozen_tower_sees_examples_once(
    folders: dict[str, str], grouped: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = whole_posts(grouped)
    network = (learner := fitted(asked(folders["llava"], 2), whole)).network_
    assert network is not None
    see: Any = network.body.see
    seen: list[int] = []
    monkeypatch.setattr(network.body, "see", lambda pixels: seen.append(len(pixels)) or see(pixels))
    first = learner.predict_proba(whole)
    assert (learner.predict_proba(whole) == first).all()
    assert seen == [len(whole), len(network.pictures), len(whole)]


def test_examples_are_kept_with_the_learner(folders: dict[str, str], grouped: Dataset, tmp_path: Path) -> None:
    whole = grouped.take(np.arange(30))
    learner = fitted(asked(folders["llava"], 2, "lora"), whole)
    learner.save(tmp_path)
    loaded = asked(folders["llava"], 2, "lora")
    loaded.load(tmp_path)
    assert loaded.network_ is not None and loaded.network_.pictures.any()
    assert (loaded.predict_proba(whole) == learner.predict_proba(whole)).all()
    assert learner.training_info().get("note") is None
    few = fitted(asked(folders["llava"], 4), grouped.take([0, 1, 2])).training_info()
    assert few["note"] == "shots: 3 of 4, for there are no more fit rows"
