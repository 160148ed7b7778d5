"""CLIP with nothing trained, a head, adapters, or all of it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.networks import Killed, freeze_imports, killed_after, one_core
from support.world import SENTIMENT

from base_models import LEARNERS
from base_models.multimodal import clip_network
from base_models.multimodal.clip import Clip, ClipTraining
from base_models.multimodal.clip_network import make_clip, make_dual_encoder
from base_models.multimodal.embeddings import Embeddings, load_encoder
from base_models.multimodal.preprocessing import image_preprocessing
from base_models.neural import shared_base
from base_models.textual.loading import load_tokenizer
from base_models.textual.tokens import TokenSource
from base_models.visual.pixels import PixelSource
from ensemble.data import Dataset, Task
from ensemble.errors import ConfigError, LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext
from ensemble.learner_factory import make_learner
from ensemble.modalities import describe, modalities_of

MODES = ("none", "head", "lora", "full")


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    freeze_imports()
    with one_core():
        yield


@pytest.fixture
def model(encoders: dict[str, str]) -> str:
    return encoders["clip"]


@pytest.fixture
def folder(model: str, tmp_path: Path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(model, tmp_path / "clip"))


def quick(model: str, train: str, training: dict[str, object] | None = None, **params: object) -> Clip:
    how = {"epochs": 1, "precision": "float32"} if training is None else training
    return Clip(model, train, training=ClipTraining.model_validate(how), **params)  # type: ignore[arg-type]


def fitted(learner: Clip, data: Dataset, seed: int = 0) -> Clip:
    learner.fit(data, SENTIMENT, seed)
    return learner


def without(data: Dataset, *kinds: str) -> Dataset:
    columns = {"text": ("text",), "image": ("image", "image_hash")}
    return Dataset(data.frame.assign(**{one: None for kind in kinds for one in columns[kind]}), data.root, data.tasks)


def whole_posts(posts: Dataset, rows: int = 12) -> Dataset:
    """Posts that have a text and an image."""
    return posts.take((posts.frame["text"].notna() & posts.frame["image_hash"].notna()).to_numpy()).take(range(rows))


# --- nothing trained


def test_zero_shot_gives_what_clip_itself_says(model: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    learner = fitted(quick(model, "none", template="this is {}, he said"), data)
    clip, tokenizer = make_clip(model, True, 0).eval(), load_tokenizer(model)
    words = tokenizer([f"this is {name}, he said" for name in SENTIMENT.classes], padding=True, return_tensors="pt")
    examples = quick(model, "lora")._source().examples(data, 1, training=False).batch(range(len(data)))
    pixels = (examples["pixels"][:, 0].permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.inference_mode():
        published = clip(**words, pixel_values=pixels).logits_per_image.softmax(dim=1)
    np.testing.assert_allclose(learner.predict_proba(data), published, atol=1e-5)


@pytest.mark.parametrize("scored", ["image", "text", "both"])
def test_zero_shot_looks_at_what_is_scored(model: str, posts: Dataset, scored: str) -> None:
    data = whole_posts(posts)
    learner = fitted(quick(model, "none", scored=scored), data)
    assert describe(modalities_of(learner)) == scored
    frequencies = np.tile(learner.objective_.usual, (len(data), 1))
    for hidden, left in (("text", "image"), ("image", "text")):
        values = learner.predict_proba(without(data, hidden))
        expected = {hidden: frequencies}.get(scored)
        if expected is None:
            expected = fitted(quick(model, "none", scored=left), data).predict_proba(data)
        np.testing.assert_allclose(values, expected, atol=1e-5)
    assert (learner.predict_proba(without(data, "text", "image")) == frequencies).all()


def test_zero_shot_learns_of_the_labels_nothing_but_how_frequent_they_are(model: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    shuffled = data.with_columns(sentiment=data.frame["sentiment"].to_numpy()[::-1])
    unlike = data.with_columns(sentiment="neutral")
    values = [fitted(quick(model, "none"), one, seed).predict_proba(data) for seed, one in enumerate((data, shuffled))]
    assert (values[0] == values[1]).all()
    other = fitted(quick(model, "none"), unlike)
    assert (other.predict_proba(data) == values[0]).all()
    assert other.objective_.usual.argmax() == 1 and other.curve() == []


def test_words_for_a_class_stand_in_its_sentence(model: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    task = Task("mood", ("very_positive", "sad", "0"))
    data = Dataset(data.frame.assign(mood="sad"), data.root, (SENTIMENT, task))
    learner = quick(model, "none", prompts={"sad": "gloomy", "mood.0": "flat", "negative": "never used"})
    learner.fit(data, task, seed=0)
    said = ["a photo of a very positive post", "a photo of a gloomy post", "a photo of a flat post"]
    assert learner.training_info()["prompts"] == said
    with pytest.raises(LearnerError, match=r"^clip: Unknown class in prompts 'sadd'\. Did you mean 'sad'\?"):
        quick(model, "none", prompts={"sadd": "gloomy"}).fit(data, task, seed=0)


# --- texts and images


@pytest.mark.parametrize("end", [2, None])
def test_a_text_has_the_same_embedding_in_any_company(folder: Path, end: int | None) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["eos_token_id"] = end or config["text_config"]["eos_token_id"]
    (folder / "config.json").write_text(json.dumps(config))
    texts = ["monday", "", "so great", "what a very long and sad day this was, and it is not over " * 3]
    towers, tokenizer = make_dual_encoder(str(folder), True, 0, 77).eval(), load_tokenizer(str(folder))
    with torch.inference_mode():
        together = towers(**tokenizer(texts, padding=True, truncation=True, max_length=77, return_tensors="pt"))
        for place, text in enumerate(texts):
            alone = tokenizer([text], truncation=True, max_length=77, return_tensors="pt")
            torch.testing.assert_close(towers(**alone)[0], together[place], rtol=0, atol=1e-6)
            published = torch.nn.functional.normalize(towers.clip.get_text_features(**alone).pooler_output, dim=-1)
            torch.testing.assert_close(published[0], together[place], rtol=0, atol=1e-6)
    assert len(torch.unique(together.round(decimals=4), dim=0)) == len(texts)


def test_an_image_is_the_mean_of_its_views(model: str, posts: Dataset) -> None:
    data = whole_posts(posts, 3)
    found = []
    for views in (1, 2):
        pixels = PixelSource(image_preprocessing(model), views, FeatureCache())
        tokens = TokenSource(model, False, 77, FeatureCache())
        found.append(Embeddings(model, tokens, pixels, ("image",), FeatureCache()).images(data, views).vectors)
        torch.testing.assert_close(found[-1].norm(dim=1), torch.ones(3))
    assert (found[0] - found[1]).abs().max() > 1e-4
    with torch.inference_mode():
        seen = quick(model, "lora", views=2)._source().examples(data, 2, training=False).batch(range(3))["pixels"]
        mean = make_dual_encoder(model, True, 0, 77).eval().images(seen).mean(dim=1)
    torch.testing.assert_close(found[1], torch.nn.functional.normalize(mean, dim=-1))


@pytest.mark.parametrize("train", ["none", "head"])
def test_frozen_encoders_are_asked_once_for_all_trainings(
    model: str, posts: Dataset, train: str, tmp_path: Path
) -> None:
    data = whole_posts(posts)
    learner = quick(model, train)
    learner.prepare(posts.without_labels(), FeatureCache(tmp_path))
    fitted(learner, data)
    load_encoder.cache_clear()
    again = quick(model, train)
    again.prepare(posts.without_labels(), FeatureCache(tmp_path))
    assert (fitted(again, data).predict_proba(data) == learner.predict_proba(data)).all()
    assert load_encoder.cache_info().currsize == 0


def test_texts_that_are_not_looked_at_are_not_read(model: str, posts: Dataset, tmp_path: Path) -> None:
    quick(model, "none").prepare(posts.without_labels(), FeatureCache(tmp_path))
    assert {path.name.split("-")[1] for path in tmp_path.iterdir()} == {"images"}


# --- what is trained


def trained_names(learner: Clip) -> set[str]:
    assert learner.network_ is not None
    return {name for name, parameter in learner.network_.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("train", MODES)
def test_only_what_should_is_trained(model: str, posts: Dataset, train: str) -> None:
    data = whole_posts(posts)
    learner = fitted(quick(model, train), data)
    facts, names = learner.training_info(), trained_names(learner)
    towers = sum(parameter.numel() for parameter in make_clip(model, True, 0).parameters())
    head, adapters = 2 * 16 * 3 + 3, 2 * 2 * (32 + 32)
    counts = {
        "none": (towers, 0),
        "head": (towers + head, head),
        "lora": (towers - 1 + adapters + head, adapters + head),
        "full": (towers - 1 + head, towers - 1 + head),
    }
    assert (facts["parameters"], facts["trainable_parameters"]) == counts[train]
    if train == "none":
        assert names == set() and learner.trained_ is None
    elif train == "head":
        assert names == {"classify.weight", "classify.bias"}
    else:
        assert learner.network_ is not None
        before = make_clip(model, True, 0).state_dict()
        after = {name.replace(".base_layer", ""): one for name, one in learner.network_.state_dict().items()}
        same = {name for name in before if torch.equal(after.get(f"towers.clip.{name}", before[name]), before[name])}
        assert {name.split(".")[0] for name in names} == {"towers", "head"}
        if train == "lora":
            assert all("lora_" in name or name.startswith("head.") for name in names)
            assert same == set(before)
        else:
            assert {name for name in set(before) - same if "proj.weight" in name} == {
                n for n in before if "proj.weight" in n
            }


@pytest.mark.parametrize("train", ["head", "lora", "full"])
def test_the_loss_falls(model: str, posts: Dataset, train: str) -> None:
    training = {"epochs": 4, "lr": 0.01, "precision": "float32"}
    curve = fitted(quick(model, train, training, head_rate=1), whole_posts(posts, 40)).curve()
    assert curve[-1]["loss"] < curve[0]["loss"]


@pytest.mark.parametrize("train", ["head", "lora", "full"])
def test_another_seed_gives_another_network(model: str, posts: Dataset, train: str) -> None:
    data = whole_posts(posts)
    values = [fitted(quick(model, train), data, seed).predict_proba(data) for seed in (0, 0, 1)]
    assert (values[0] == values[1]).all() and not np.allclose(values[0], values[2], atol=1e-6)


def test_adapters_are_drawn_from_the_seed_and_at_first_change_nothing(model: str) -> None:
    made = [quick(model, "lora")._network(3, True, seed).state_dict() for seed in (0, 0, 1)]
    drawn = [name for name in made[0] if "lora_A" in name]
    assert len(drawn) == 4
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    assert not any(torch.equal(made[0][name], made[2][name]) for name in drawn)
    assert not any(made[0][name.replace("lora_A", "lora_B")].any() for name in drawn)


def test_adapters_of_all_jobs_share_one_clip_that_stays_as_published(
    model: str, posts: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, loaded = whole_posts(posts), []
    make = clip_network.make_clip
    monkeypatch.setattr(shared_base, "_kept", [])
    monkeypatch.setattr(clip_network, "make_clip", lambda *given: loaded.append(given) or make(*given))
    first = [fitted(quick(model, "lora"), data, seed).predict_proba(data) for seed in (0, 1, 0)]
    assert len(loaded) == 1
    assert (first[0] == first[2]).all() and not (first[0] == first[1]).all()
    quick(model, "lora")._network(3, False, 0)
    assert len(loaded) == 2, "random weights, or saved ones to come, are of one network alone"


def test_a_training_of_adapters_that_was_killed_ends_with_the_same_bits(
    model: str, posts: Dataset, tmp_path: Path
) -> None:
    data = whole_posts(posts, 24)
    how = {"epochs": 2, "batch": 8, "checkpoint_minutes": 0, "precision": "float32"}
    params = {"modality_dropout": 0.5, "missing": "learned", "lora_dropout": 0.3, "scale": (0.5, 1.0)}
    whole = fitted(quick(model, "lora", how, **params), data).predict_proba(data)
    for steps in (2, 2, 2):
        learner = quick(model, "lora", how, **params)
        learner.set_context(TrainingContext(tmp_path, None, "toy", killed_after(steps)))
        with pytest.raises(Killed):
            fitted(learner, data)
    learner = quick(model, "lora", how, **params)
    learner.set_context(TrainingContext(tmp_path))
    torch.manual_seed(99)
    assert (fitted(learner, data).predict_proba(data) == whole).all()


@pytest.mark.parametrize("pretrained", [True, False])
@pytest.mark.parametrize("train", MODES)
def test_a_saved_learner_predicts_the_same_again(
    model: str, posts: Dataset, train: str, pretrained: bool, tmp_path: Path
) -> None:
    if train == "none" and not pretrained:
        return
    data = whole_posts(posts)
    learner = fitted(quick(model, train, pretrained=pretrained, missing="learned"), data)
    learner.save(tmp_path)
    loaded = quick(model, train, pretrained=pretrained, missing="learned")
    loaded.load(tmp_path)
    assert (loaded.predict_proba(data) == learner.predict_proba(data)).all()
    assert {path.name for path in tmp_path.iterdir()} == {"joint.json", "joint.safetensors"}
    kept = load_file(tmp_path / "joint.safetensors")
    if train == "none":
        assert set(kept) == {"prompts"}
    elif pretrained and train != "full":
        assert set(kept) == trained_names(learner)
        assert sum(one.numel() for one in kept.values()) == learner.training_info()["trainable_parameters"]
    else:
        assert sum(one.numel() for one in kept.values()) == learner.training_info()["parameters"]


def test_a_missing_modality_may_be_a_learned_vector(model: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    hidden = {"modality_dropout": 1.0, "training": {"epochs": 2, "lr": 0.1}}
    zeros, learned = (fitted(quick(model, "head", missing=kind, **hidden), data) for kind in ("zeros", "learned"))  # type: ignore[arg-type]
    assert learned.training_info()["trainable_parameters"] - zeros.training_info()["trainable_parameters"] == 2 * 16
    assert learned.network_ is not None and learned.network_.state_dict()["absent.token"].any()
    blind = without(data, "image")
    assert not np.allclose(learned.predict_proba(blind), zeros.predict_proba(blind), atol=1e-4)


# --- settings


def test_each_mode_has_its_own_defaults_and_keeps_what_is_set(model: str) -> None:
    found = {
        train: (made.training.epochs, made.training.lr, made.head_rate)
        for train in MODES
        for made in [Clip(model, train)]
    }  # type: ignore[arg-type]
    assert found["head"] == (10, 1e-3, 1) and found["lora"] == (5, 1e-3, 1) and found["full"] == (5, 1e-5, 100)
    made = Clip(model, "full", head_rate=2, training=ClipTraining(epochs=7, checkpoint_minutes=1))
    assert (made.training.epochs, made.training.lr, made.training.checkpoint_minutes) == (7, 1e-5, 1)
    assert made.head_rate == 2
    with pytest.raises(ConfigError, match=r"^clip: training: warmup \(6.0 epochs\) must end before training does \(5"):
        Clip(model, "lora", training=ClipTraining(warmup=6))


@pytest.mark.parametrize(
    ("message", "params"),
    [
        (r"c\.template: must have one \{\} for the class, got 'a post'", {"template": "a post"}),
        ("clip: train = 'none' asks published weights", {"train": "none", "pretrained": False}),
        (r"c\.rank = 0: must be at least 1", {"rank": 0}),
        (r"c\.alpha = 0: must be at least 1", {"alpha": 0}),
        (r"c\.lora_dropout = 1: must be below 1", {"lora_dropout": 1}),
        (r"c\.head_rate = -1: must be above 0", {"head_rate": -1}),
        (r"c\.views = 3: must be 1, 2, 5 or 10", {"views": 3}),
        (r"c\.scale: must be two shares of the area, the smaller first, got \(1.0, 0.5\)", {"scale": (1, 0.5)}),
    ],
)
def test_parameters_are_checked(message: str, params: dict[str, object]) -> None:
    with pytest.raises((ConfigError, LearnerError), match=f"^{message}"):
        make_learner(LEARNERS, "clip", {"model": "somewhere", **params}, "c")


@pytest.mark.parametrize("targets", [[], ["q_proj", "query"]])
def test_targets_that_are_no_layers_are_named(model: str, posts: Dataset, targets: list[str]) -> None:
    known = r"\['fc1', 'fc2', 'k_proj', 'out_proj', 'q_proj', 'text_projection', 'v_proj', 'visual_projection'\]"
    with pytest.raises(LearnerError, match=rf"^clip: targets .*it has {known}\.$"):
        fitted(quick(model, "lora", targets=targets), whole_posts(posts))


@pytest.mark.parametrize("train", MODES)
def test_what_is_no_clip_is_refused(encoders: dict[str, str], posts: Dataset, train: str) -> None:
    with pytest.raises(LearnerError, match=r"^clip: .*bert is a bert network; give a CLIP\.$"):
        fitted(quick(encoders["bert"], train), whole_posts(posts))


@pytest.mark.parametrize("train", MODES)
def test_texts_longer_than_the_network_reads_are_refused(model: str, posts: Dataset, train: str) -> None:
    with pytest.raises(LearnerError, match=r"^clip: .*clip reads 77 tokens at most; max_length = 78 is too long"):
        fitted(quick(model, train, max_length=78, scored="text"), whole_posts(posts))


def test_a_network_of_other_images_is_refused(folder: Path, posts: Dataset) -> None:
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**said, "crop_size": {"height": 24, "width": 24}}))
    with pytest.raises(LearnerError, match=r"^clip: .* sees images of 32 x 32 pixels, but .* cuts 24 x 24\.$"):
        fitted(quick(str(folder), "lora"), whole_posts(posts))


def test_weights_that_do_not_fill_the_network_are_refused(folder: Path, posts: Dataset) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["visual_projection.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(LearnerError, match=r"holds the weights of another network: no 'visual_projection.weight'\.$"):
        fitted(quick(str(folder), "head"), whole_posts(posts))
