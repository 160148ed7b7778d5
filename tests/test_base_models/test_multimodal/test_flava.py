"""FLAVA sees what its published model sees; what is frozen is computed once; what is missing is tokens of zeros."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.networks import freeze_imports, one_core
from support.photos import blind, photographed
from support.world import SARCASM, SENTIMENT
from torch import nn
from transformers import FlavaModel

from base_models import LEARNERS
from base_models.multimodal.flava import Flava, FlavaTraining
from base_models.multimodal.flava_network import FlavaNetwork
from base_models.multimodal.heads import AttentionHead, make_head
from base_models.multimodal.preprocessing import image_preprocessing
from base_models.neural.sampling import Batch
from base_models.textual.reading import read_texts
from ensemble.data import Dataset
from ensemble.errors import ConfigError, LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext
from ensemble.learner_factory import make_learner

WORDS = [
    "great monday",
    "coffee",
    "i hate my monday so much",
    "boss",
    "the cat is happy",
    "exam",
    None,
    "love",
    "",
    "x",
]
HEADS = ["linear", "two_layers", "three_layers", "attention"]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten images with texts of any length; one post has no text, two have no image."""
    data = photographed(tmp_path_factory.mktemp("flava") / "images")
    return blind(data.with_columns(text=WORDS), [3, 7])


class Watched(Flava):
    """Counts how many rows its encoders are shown while it trains and predicts, and how often they are loaded."""

    def __init__(self, *arguments: Any, **params: Any) -> None:
        super().__init__(*arguments, **params)
        self.shown: Counter[str] = Counter()

    def _network(self, classes: int, pretrained: bool, seed: int) -> FlavaNetwork:
        network = super()._network(classes, pretrained, seed)
        network.encoders.register_forward_pre_hook(self._count, with_kwargs=True)
        return network

    def _load_encoders(self) -> Any:
        self.shown["loaded"] += 1
        return super()._load_encoders()

    def _count(self, _module: nn.Module, _arguments: Any, batch: dict[str, torch.Tensor]) -> None:
        name = "images" if "pixels" in batch else "texts"
        self.shown[name] += len(batch.get("pixels", batch.get("input_ids", ())))


def small(model: str, kind: type[Flava] = Flava, **params: Any) -> Any:
    """A learner of one short epoch; ``training`` is a table."""
    quick = {"epochs": 1, "batch": 4, "validation": 0, "patience": 0, "precision": "float32", "workers": 0}
    training = FlavaTraining.model_validate(quick | params.pop("training", {}))
    return kind(model, training=training, **({"max_length": 16} | params))


def fitted(learner: Any, data: Dataset, seed: int = 0, task: Any = SENTIMENT) -> Any:
    freeze_imports()
    with one_core():
        learner.fit(data, task, seed)
    return learner


def predicted(learner: Any, data: Dataset) -> np.ndarray:
    with one_core():
        return learner.predict_proba(data)


def batch_of(learner: Flava, data: Dataset, rows: Sequence[int] | None = None) -> Batch:
    source = learner._source()
    pairs = source.examples(source.read(data), learner.views, training=False)
    return pairs.batch(list(range(len(data)) if rows is None else rows))


def published_states(model: str, learner: Flava, data: Dataset) -> torch.Tensor:
    """What transformers' own FlavaModel makes of posts that have both."""
    batch = batch_of(learner, data)
    how = image_preprocessing(learner.model)
    pixels = batch["pixels"][:, 0].permute(0, 3, 1, 2) / 255
    pixels = (pixels - torch.tensor(how.mean).view(3, 1, 1)) / torch.tensor(how.std).view(3, 1, 1)
    theirs = FlavaModel.from_pretrained(model).eval()
    with torch.inference_mode():
        found = theirs(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], pixel_values=pixels)
    return found.multimodal_embeddings


@pytest.mark.parametrize("frozen", [True, False])
def test_the_tokens_are_those_of_the_published_model(encoders: dict[str, str], shots: Dataset, frozen: bool) -> None:
    learner = small(encoders["flava"], frozen=frozen, head="linear")
    both = shots.take([0, 1, 2, 4, 5])
    network = learner._network(3, True, 0).eval()
    with torch.inference_mode():
        ours = network(**batch_of(learner, both))
        theirs = network.head(published_states(encoders["flava"], learner, both), None)
    torch.testing.assert_close(ours[:, 0], theirs, atol=2e-3 if frozen else 1e-5, rtol=0)  # float16 where frozen


@pytest.mark.parametrize("missing", ["text", "image"])
def test_a_missing_modality_is_tokens_of_zeros(encoders: dict[str, str], shots: Dataset, missing: str) -> None:
    learner = small(encoders["flava"], head="linear")
    network = learner._network(3, True, 0).eval()
    post = shots.take([2])
    columns = {"text": None} if missing == "text" else {"image": None, "image_hash": None}
    batch = batch_of(learner, post.with_columns(**columns))
    other = {"text": "input_ids", "image": "pixels"}[missing]
    with torch.inference_mode():
        got = network(**batch)[:, 0]
        assert torch.equal(got, network(**{**batch, other: torch.full_like(batch[other], 9)})[:, 0])
        whole = batch_of(learner, post)
        text = network.project_texts(network.encoders(**{n: whole[n] for n in ("input_ids", "attention_mask")}).float())
        image = network.project_images(network.encoders(pixels=whole["pixels"][:, 0]).float())
        assert image.shape[1] == network.image_tokens == 5
        tokens = (image, torch.zeros_like(text[:, :1])) if missing == "text" else (torch.zeros_like(image), text)
        expected = network.head(network.mix(torch.cat(tokens, dim=1)).last_hidden_state, None)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("missing", ["zeros", "learned"])
def test_what_training_hides_is_seen_as_what_is_missing(encoders: dict[str, str], shots: Dataset, missing: str) -> None:
    learner = small(encoders["flava"], missing=missing)
    network = learner._network(3, True, 0).eval()
    if network.absent is not None:
        nn.init.normal_(network.absent)
    rows = [0, 2, 4]
    for name, columns in (("has_text", {"text": None}), ("has_image", {"image": None, "image_hash": None})):
        batch = batch_of(learner, shots, rows)
        gone = batch_of(learner, shots.take(rows).with_columns(**columns))
        with torch.inference_mode():
            hidden = network(**{**batch, name: torch.zeros(len(rows), dtype=torch.bool)})
            torch.testing.assert_close(hidden, network(**gone), atol=1e-5, rtol=0)
            assert not torch.allclose(hidden, network(**batch), atol=1e-4)


@pytest.mark.parametrize("head", HEADS)
def test_a_post_has_the_same_probabilities_alone_as_among_others(
    encoders: dict[str, str], shots: Dataset, head: str
) -> None:
    learner = fitted(small(encoders["flava"], head=head), shots)
    together = predicted(learner, shots)
    alone = np.concatenate([predicted(learner, shots.take([row])) for row in range(len(shots))])
    np.testing.assert_allclose(alone, together, atol=1e-4)


def test_an_image_that_is_not_there_is_not_encoded(encoders: dict[str, str], shots: Dataset) -> None:
    learner = fitted(small(encoders["flava"], Watched, training={"resample": 0}), shots)
    seen = sum(key is not None for key in shots.image_hashes())
    assert learner.shown["images"] == seen == 8 and learner.shown["texts"] == 10
    predicted(learner, shots.take([3, 7]))
    assert learner.shown["images"] == seen


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("frozen", "missing"), [(True, "zeros"), (True, "learned"), (False, "learned")])
def test_only_what_should_train_has_gradients_and_all_of_it_has(
    encoders: dict[str, str], shots: Dataset, frozen: bool, missing: str, head: str
) -> None:
    learner = small(encoders["flava"], frozen=frozen, missing=missing, head=head)
    network = learner._network(3, True, 0).train()
    batch = batch_of(learner, shots)
    assert network.encoders.training != frozen and network.mix.training
    assert network.encoders(pixels=batch["pixels"]).requires_grad != frozen  # no graph is built
    network(**batch).square().sum().backward()
    trained = {name for name, one in network.named_parameters() if one.requires_grad}
    assert {name for name, one in network.named_parameters() if one.grad is not None} == trained
    dead = {name for name in trained if not network.get_parameter(name).grad.any()}
    assert {name for name in dead if not name.endswith("key.bias")} == set()  # softmax does not see it
    assert any(name.startswith("encoders.") for name in trained) != frozen
    assert not any(part in name for name, _ in network.named_parameters() for part in ("pooler", "logit_scale"))


def test_training_leaves_frozen_encoders_as_they_were(encoders: dict[str, str], shots: Dataset) -> None:
    learner = small(encoders["flava"], training={"lr": 0.01})
    before = learner._network(3, True, 0).state_dict()
    after = fitted(learner, shots).network_.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any(name.startswith("encoders.") for name in changed)
    facts = learner.training_info()
    assert 0 < facts["trainable_parameters"] < facts["parameters"]
    assert (
        fitted(small(encoders["flava"], frozen=False), shots).training_info()["trainable_parameters"]
        == facts["parameters"]
    )


@pytest.mark.parametrize("views", [1, 2, 10])
def test_every_text_and_image_is_encoded_once_for_all_epochs_folds_and_tasks(
    encoders: dict[str, str], shots: Dataset, tmp_path: Path, views: int
) -> None:
    cache = FeatureCache(tmp_path)
    data = shots.with_columns(sarcasm=["0", "1"] * 5)
    data = Dataset(data.frame, data.root, (SENTIMENT, SARCASM))
    loaded = []
    for task, rows in ((SENTIMENT, range(7)), (SARCASM, range(2, 10))):
        learner = small(encoders["flava"], Watched, views=views, head="linear", training={"epochs": 2})
        learner.prepare(data.without_labels(), cache)
        loaded.append(learner.shown["loaded"])
        predicted(fitted(learner, data.take(list(rows)), task=task), data)
        assert learner.shown["images"] == learner.shown["texts"] == 0
    assert loaded == [1, 0]
    assert not list(tmp_path.glob("pixels-*")), "decoded images are not needed beside their states"
    states = [np.load(path, mmap_mode="r") for path in tmp_path.glob("states-*/*.npy") if path.name.count(".") == 1]
    assert {one.dtype for one in states} == {np.dtype(np.float16)}
    assert max(one.size for one in states) == 8 * views * 5 * 32


@pytest.mark.parametrize("views", [1, 5])
@pytest.mark.parametrize("image_bytes", [0, 3000, 10**9])
def test_whatever_room_there_is_changes_no_probability(
    encoders: dict[str, str], shots: Dataset, image_bytes: int, views: int, caplog: pytest.LogCaptureFixture
) -> None:
    params = {"views": views, "modality_dropout": 0.5, "training": {"epochs": 2, "validation": 0.3, "lr": 1e-3}}
    plain = predicted(fitted(small(encoders["flava"], **params), shots), shots)
    learner = small(encoders["flava"], Watched, **params)
    learner.prepare(shots, FeatureCache(image_bytes=image_bytes))
    said = f"the encoders of {encoders['flava']} run anew in every epoch" in caplog.text
    assert said == (image_bytes < 10**9)
    np.testing.assert_allclose(predicted(fitted(learner, shots), shots), plain, atol=1e-4)
    assert (learner.shown["images"] > 0) == said
    assert learner._cache.room() >= 0


def test_states_are_of_the_weights_the_tokens_and_the_views(encoders: dict[str, str], tmp_path: Path) -> None:
    one = small(encoders["flava"])._source().encoded
    same = small(encoders["flava"], head="linear", missing="learned", dropout=0.0)._source().encoded
    assert (one.text_key, one.image_key) == (same.text_key, same.image_key)
    longer, wider = (
        small(encoders["flava"], max_length=20)._source().encoded,
        small(encoders["flava"], views=2)._source().encoded,
    )
    assert one.text_key != longer.text_key and one.image_key == longer.image_key
    assert one.text_key == wider.text_key and one.image_key != wider.image_key
    other = shutil.copytree(encoders["flava"], tmp_path / "other")
    state = FlavaModel.from_pretrained(other)
    nn.init.normal_(state.image_model.embeddings.cls_token)
    state.save_pretrained(other)
    assert small(str(other))._source().encoded.image_key != one.image_key


@pytest.mark.parametrize("encoded_once", [True, False])
def test_only_what_was_trained_is_saved(
    encoders: dict[str, str], shots: Dataset, tmp_path: Path, encoded_once: bool
) -> None:
    params = {"frozen": encoded_once}
    learner = fitted(small(encoders["flava"], **params), shots)
    learner.save(tmp_path)
    saved = load_file(tmp_path / "joint.safetensors")
    assert any(name.startswith("mix.") for name in saved)
    assert any(name.startswith("encoders.") for name in saved) != encoded_once
    loaded = small(encoders["flava"], **params)
    loaded.load(tmp_path)
    assert (predicted(loaded, shots) == predicted(learner, shots)).all()


def test_a_few_epochs_learn_which_word_names_the_class(encoders: dict[str, str], tmp_path: Path) -> None:
    drawn = photographed(tmp_path, shapes=[(40, 40)] * 24)
    data = drawn.with_columns(text=["i hate monday", "coffee monday", "love monday"] * 8)
    how = {"epochs": 16, "batch": 8, "lr": 1e-3}
    learner = small(encoders["flava"], head="linear", dropout=0.0, training=how)
    learner.prepare(data, FeatureCache())
    assert (predicted(fitted(learner, data), data).argmax(axis=1) == data.labels(SENTIMENT)).mean() > 0.9
    assert learner.curve()[-1]["loss"] < 0.5 * learner.curve()[0]["loss"]


def test_an_epoch_is_drawn_so_that_classes_are_as_frequent_and_stops_on_a_tenth_of_the_fit_rows() -> None:
    how = FlavaTraining()
    assert (how.resample, how.epochs, how.batch, how.lr, how.optimizer) == (1.9, 10, 32, 1e-4, "adam")
    assert how.validation == 0.1 and how.patience and how.stop_on == "metric"


def test_texts_are_read_before_anything_else_sees_them(encoders: dict[str, str], shots: Dataset) -> None:
    data = shots.with_columns(text=["#Monday https://t.co/abc love", None, *["coffee"] * 8])
    read = read_texts(data, True, None, FeatureCache())
    assert read.texts != data.texts
    learner, plain = small(encoders["flava"]), small(encoders["flava"], clean=False)
    for one, posts in ((learner, data), (plain, read)):
        cache = FeatureCache()
        one.prepare(posts, cache)
        fitted(one, posts)
    assert (predicted(learner, data) == predicted(plain, read)).all()
    assert batch_of(plain, data)["attention_mask"].sum() > batch_of(learner, data)["attention_mask"].sum()


def test_a_training_goes_on_from_its_checkpoint(encoders: dict[str, str], shots: Dataset, tmp_path: Path) -> None:
    how = {"epochs": 2, "validation": 0.3, "checkpoint_minutes": 0}
    whole = fitted(small(encoders["flava"], training=how), shots)
    learner = small(encoders["flava"], training=how)
    learner.set_context(TrainingContext(tmp_path))
    fitted(learner, shots)
    again = small(encoders["flava"], training=how)
    again.set_context(TrainingContext(tmp_path))
    assert (predicted(fitted(again, shots), shots) == predicted(whole, shots)).all()


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_has_as_many_layers_as_it_says_and_sees_no_padding(kind: Any) -> None:
    head = make_head(kind, 8, 3, 2, 0.3).eval()
    layers = [module for module in head.modules() if isinstance(module, nn.Linear)]
    assert isinstance(head, AttentionHead) or len(layers) == 1 + HEADS.index(kind)
    states, mask = torch.randn(2, 6, 8), torch.tensor([[1] * 6, [1, 1, 1, 0, 0, 0]])
    with torch.inference_mode():
        logits = head(states, mask)
        states[1, 3:] = 7
        assert logits.shape == (2, 3)
        torch.testing.assert_close(head(states, mask), logits)
        states[1, 0] = 7
        assert not torch.allclose(head(states, mask)[1], logits[1])
        states[0, 5] = 7
        assert torch.allclose(head(states, mask)[0], logits[0]) == (kind != "attention")


def refused(message: str, data: Dataset, model: str, **params: Any) -> None:
    with pytest.raises(LearnerError, match=message) as told:
        fitted(small(model, **params), data)
    assert "\n" not in str(told.value)


def test_what_cannot_be_is_refused_in_one_line(encoders: dict[str, str], shots: Dataset, tmp_path: Path) -> None:
    flava = encoders["flava"]
    for params, message in (
        ({"dropout": 1.0}, r"flava\.dropout = 1\.0: must be below 1"),
        ({"max_length": 3}, r"flava\.max_length = 3: must be at least 4"),
        ({"views": 3}, r"flava\.views = 3: must be 1, 2, 5 or 10"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_learner(LEARNERS, "flava", {"model": flava, **params}, "flava")
    refused("^flava: .*reads 64 tokens at most; max_length = 65", shots, flava, max_length=65)
    bert = shutil.copytree(encoders["bert"], tmp_path / "bert")
    shutil.copy(f"{flava}/preprocessor_config.json", bert)
    refused("is a bert network, not FLAVA; give facebook/flava-full", shots, str(bert))
    with pytest.raises(LearnerError, match="No such model folder"):
        small(str(tmp_path / "gone")).sources()


def test_a_folder_that_lacks_something_is_refused_in_one_line(
    encoders: dict[str, str], shots: Dataset, tmp_path: Path
) -> None:
    for name, message in (
        ("preprocessor_config.json", r"there is no preprocessor_config\.json in that folder"),
        ("model.safetensors", "Cannot load model"),
        ("vocab.txt", "Cannot load model"),
    ):
        folder = Path(shutil.copytree(encoders["flava"], tmp_path / name))
        (folder / name).unlink()
        refused(message, shots, str(folder))
    folder = Path(shutil.copytree(encoders["flava"], tmp_path / "larger"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 48, "width": 48}}))
    refused("cannot take images of 48 pixels", shots, str(folder))
