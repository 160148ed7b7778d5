"""The fusion learner: one loss tunes both encoders, and a post is judged by what it has, in any company."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.networks import Killed, curve, freeze_imports, killed_after, one_core, same_weights
from support.photos import blind, photographed
from support.texts import tokens_of
from support.world import SENTIMENT

from base_models.multimodal.combination import COMBINATIONS, Combine
from base_models.multimodal.fusion import Fusion, FusionTraining
from base_models.multimodal.fusion_network import FusionNetwork, FusionShape
from base_models.neural.sampling import Batch
from base_models.textual.network import make_body
from base_models.visual.network import make_classifier
from base_models.visual.views import Preprocessing
from ensemble.data import Dataset
from ensemble.errors import ConfigError, EnsembleError, LearnerError, StoreError
from ensemble.learner import TrainingContext
from ensemble.learner_factory import make_learner

HOW = Preprocessing((64, 64), (0.5,) * 3, (0.5,) * 3, "bilinear", 0.875)
NORM = torch.nn.modules.batchnorm._BatchNorm


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Noise with a caption each; post 3 has no text, post 4 no image, post 5 neither."""
    data = photographed(tmp_path_factory.mktemp("shots"), [(70 + row, 64) for row in range(12)])
    words = ["great monday", "coffee", "I hate meetings", "so much love for a monday"]
    texts = [None if row in (3, 5) else words[row % 4] for row in range(12)]
    return blind(data.with_columns(text=texts), [4, 5])


def network_of(
    encoders: dict[str, str], combine: Combine = "attention", missing: str = "zeros", **rates: float
) -> FusionNetwork:
    """Weights of the encoders, batch normalisation in use, a head of eight numbers per token."""
    images = make_classifier(encoders["image"], 0, True, None, 64, 0, HOW)
    for layer in images.modules():
        if isinstance(layer, NORM):
            layer.reset_parameters()  # timm's start some at zero, which lets no gradient through
            layer.running_mean.normal_(generator=torch.Generator().manual_seed(1))  # type: ignore[union-attr]
    shape = FusionShape(8, combine, 2, 0.0, missing)  # type: ignore[arg-type]
    width = images.body.num_features
    assert isinstance(width, int)
    return FusionNetwork(make_body(encoders["bert"], True, 0), images, width, 3, shape, None, 0, **rates)


def batch_of(text: str, image: str, views: tuple[int, ...] = ()) -> Batch:
    """A row per character, ``-`` where that half is missing; the same rows whatever is missing."""
    random = torch.Generator().manual_seed(2)
    pixels = torch.randint(0, 256, (len(text), *views, 64, 64, 3), dtype=torch.uint8, generator=random)
    flags = {"has_text": text, "has_image": image}
    given = {name: torch.tensor([mark != "-" for mark in marks]) for name, marks in flags.items()}
    return {**tokens_of([3 + row % 4 for row in range(len(text))]).batch(range(len(text))), "pixels": pixels, **given}


def rows_of(batch: Batch, rows: list[int]) -> Batch:
    return {name: tensor[rows] for name, tensor in batch.items()}


def statistics(network: FusionNetwork) -> torch.Tensor:
    return torch.cat([module.running_mean for module in network.modules() if isinstance(module, NORM)])  # type: ignore[misc]


@pytest.mark.parametrize("combine", COMBINATIONS)
@pytest.mark.parametrize("missing", ["zeros", "learned"])
def test_one_loss_reaches_every_parameter_of_both_encoders_and_the_head(
    encoders: dict[str, str], combine: Combine, missing: str
) -> None:
    network = network_of(encoders, combine, missing).train()
    logits = network(**batch_of("xx-x", "x-xx"))
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert {name.split(".")[0] for name in trained} >= {"texts", "images", "text_token", "image_token", "combine"}
    still = [name for name, one in trained.items() if one.grad is None or not one.grad.any()]
    assert not still, "the gradient is zero"


@pytest.mark.parametrize("views", [(), (2,)])
@pytest.mark.parametrize("combine", COMBINATIONS)
@torch.inference_mode()
def test_a_post_has_the_same_logits_in_any_company(
    encoders: dict[str, str], combine: Combine, views: tuple[int, ...]
) -> None:
    network = network_of(encoders, combine, "learned").eval()
    batch = batch_of("xx-x-x", "x-xx-x", views)
    together = network(**batch)
    assert together.shape == (6, *views, 3)
    for row in range(6):
        torch.testing.assert_close(network(**rows_of(batch, [row]))[0], together[row], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(network(**rows_of(batch, [4, 1])), together[[4, 1]], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("combine", COMBINATIONS)
@pytest.mark.parametrize("missing", ["zeros", "learned"])
@torch.inference_mode()
def test_what_is_given_for_a_missing_half_does_not_matter(
    encoders: dict[str, str], combine: Combine, missing: str
) -> None:
    network = network_of(encoders, combine, missing).eval()
    batch = batch_of("x-xx", "xx-x")
    changed = {name: tensor.clone() for name, tensor in batch.items()}
    changed["pixels"][2] = 255 - changed["pixels"][2]
    changed["input_ids"][1] = 7
    assert network(**changed).equal(network(**batch))
    changed["pixels"][3] = 255 - changed["pixels"][3]
    assert not network(**changed)[3].allclose(network(**batch)[3])


@torch.inference_mode()
def test_the_token_of_a_missing_half_is_zeros_or_the_one_that_is_learned(encoders: dict[str, str]) -> None:
    tokens, present = torch.ones(2, 2, 8), torch.tensor([[True, False], [False, True]])
    assert network_of(encoders).absent(tokens, present).equal(tokens * present[..., None])
    learned = network_of(encoders, missing="learned").absent
    learned.token += torch.arange(16).view(2, 8)
    found = learned(tokens, present)
    assert found[0, 1].equal(learned.token[1]) and found[1, 0].equal(learned.token[0])
    assert found[present].equal(torch.ones(2, 8))


def test_a_step_without_any_image_trains_the_rest_and_leaves_the_image_encoder_alone(encoders: dict[str, str]) -> None:
    network = network_of(encoders).train()
    before = statistics(network)
    network(**batch_of("xxx", "---")).sum().backward()
    assert all(parameter.grad is None for parameter in network.images.parameters())
    assert all(parameter.grad is not None for parameter in network.texts.parameters() if parameter.requires_grad)
    assert statistics(network).equal(before)


def test_batch_statistics_are_of_real_images_alone(encoders: dict[str, str]) -> None:
    batch = batch_of("xxxxx", "x-xx-")
    mixed, real = network_of(encoders).train(), network_of(encoders).train()
    mixed(**batch)
    real(**rows_of(batch, [0, 2, 3]))
    assert statistics(mixed).equal(statistics(real)) and not statistics(mixed).equal(statistics(network_of(encoders)))


@pytest.mark.parametrize("combine", ["attention", "gate"])
@torch.inference_mode()
def test_the_weights_of_text_and_image_sum_to_one(encoders: dict[str, str], combine: Combine) -> None:
    for views in ((), (2,)):
        _, weights = network_of(encoders, combine).eval().look(**batch_of("xx-x", "x-xx", views))
        assert weights is not None and weights.shape == (4, *views, 2) and (weights >= 0).all()
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, *views))


def test_text_image_and_head_learn_at_their_own_rates(encoders: dict[str, str]) -> None:
    network = network_of(encoders, image_rate=0.1, head_rate=20.0)
    groups = network.parameter_groups(1e-3)
    assert [group["lr"] for group in groups] == pytest.approx([1e-3, 1e-4, 2e-2])
    sizes = [sum(one.numel() for one in group["params"]) for group in groups]
    parts = (network.texts, network.images)
    assert sizes[:2] == [sum(one.numel() for one in part.parameters() if one.requires_grad) for part in parts]
    assert sum(sizes) == sum(one.numel() for one in network.parameters() if one.requires_grad)


@pytest.mark.parametrize("model", ["resnet18", "polynet"])
def test_an_image_network_of_no_classes_gives_features(model: str) -> None:
    how = Preprocessing((75, 75), (0.5,) * 3, (0.5,) * 3, "bilinear", 0.875)
    with torch.device("meta"):  # nothing but the shapes
        network = make_classifier(model, 0, False, None, None, 0, how)
        top = [name for name, _ in network.named_parameters() if "last_linear" in name or ".fc." in name]
        assert not top
    assert isinstance(network.body.last_linear if model == "polynet" else network.body.fc, torch.nn.Identity)


def learner_of(encoders: dict[str, str], **params: object) -> Fusion:
    """``training`` is a table."""
    quick = {"epochs": 1, "batch": 5, "lr": 1e-3, "precision": "float32", "patience": 0}
    training = FusionTraining.model_validate(quick | params.pop("training", {}))  # type: ignore[operator]
    sizes = {"image": encoders["image"], "text": encoders["bert"], "width": 8, "heads": 2, "max_length": 16}
    return Fusion(training=training, **(sizes | params))  # type: ignore[arg-type]


def fitted(learner: Fusion, data: Dataset, seed: int = 0) -> Fusion:
    freeze_imports()
    with one_core():
        learner.fit(data, SENTIMENT, seed)
    return learner


def test_the_job_record_says_what_was_missing_and_how_large_the_network_is(
    encoders: dict[str, str], posts: Dataset
) -> None:
    learner = fitted(learner_of(encoders), posts)
    learner.predict_proba(posts.take([3, 4, 5]))
    facts = learner.training_info()
    assert facts["fit_posts"] == {"rows": 12, "without_text": 2, "without_image": 2}
    assert facts["predicted_posts"] == {"rows": 3, "without_text": 2, "without_image": 2}
    assert facts["fit_rows"] == 11, "a post with neither teaches nothing"
    assert facts["parameters"] == facts["trainable_parameters"] > 0
    json.dumps(facts)


def test_rows_with_neither_get_the_class_frequencies_and_no_weights(encoders: dict[str, str], posts: Dataset) -> None:
    learner = fitted(learner_of(encoders), posts)
    values = learner.predict_proba(posts)
    np.testing.assert_allclose(values[5], [5 / 15] * 3)
    assert not np.allclose(values[[3, 4]], 1 / 3, atol=1e-4)
    weights = learner.modality_weights(posts)
    assert weights is not None and np.isnan(weights[5]).all()
    np.testing.assert_allclose(np.delete(weights, 5, axis=0).sum(axis=1), 1, atol=1e-6)
    there = np.stack([[text is not None for text in posts.texts], [key is not None for key in posts.image_hashes()]])
    assert ((np.nan_to_num(weights) > 0) == there.T).all(), "what is not there was not looked at"


def test_concatenation_has_no_weights_and_no_network_has_none(encoders: dict[str, str], posts: Dataset) -> None:
    assert learner_of(encoders, combine="concatenation").modality_weights(posts) is None
    nothing = fitted(learner_of(encoders), blind(posts, range(12)).with_columns(text=None))
    weights = nothing.modality_weights(posts)
    assert weights is not None and np.isnan(weights).all()
    assert nothing.curve() == [] and nothing.training_info()["fit_posts"]["rows"] == 12


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_colours_and_words_that_name_the_class_together_are_learned(
    encoders: dict[str, str], tmp_path: Path, combine: Combine
) -> None:
    """Neither half alone says it: the class is how many of the two are glad."""
    from PIL import Image

    data = photographed(tmp_path, [(64, 64)] * 24)
    glad = [(row % 2, row // 2 % 2) for row in range(24)]
    for row, (image, _) in enumerate(glad):
        Image.new("RGB", (64, 64), ("blue", "red")[image]).save(tmp_path / f"{row}.png")
    frame = {"text": [("hate", "love")[word] + " monday" for _, word in glad], "image_hash": [str(g) for g, _ in glad]}
    frame["sentiment"] = [SENTIMENT.classes[sum(both)] for both in glad]
    data = data.with_columns(**frame)
    how = {"epochs": 15, "batch": 8, "lr": 3e-3, "clip": 1.0}
    learner = fitted(learner_of(encoders, combine=combine, dropout=0.0, training=how), data)
    assert (learner.predict_proba(data).argmax(axis=1) == data.labels(SENTIMENT)).all()
    assert learner.curve()[-1]["loss"] < 0.5 * learner.curve()[0]["loss"]


def test_training_stops_on_its_own_loss_but_not_before_the_third_epoch() -> None:
    how = FusionTraining()
    assert (how.stop_on, how.patience, how.min_epochs, how.validation) == ("training_loss", 1, 3, 0.0)


def test_a_loss_that_only_rises_ends_the_training_after_three_epochs(encoders: dict[str, str], posts: Dataset) -> None:
    how = {"epochs": 9, "patience": 1, "optimizer": "sgd", "lr": 1e-12, "momentum": 0}
    learner = fitted(learner_of(encoders, dropout=0.9, training=how), posts)
    losses = [row["loss"] for row in learner.curve()]
    best, stopped = learner.training_info()["best_epoch"], len(losses)
    assert 3 <= stopped < 9, "nothing is learned: sooner or later an epoch is not better"
    assert best == 1 + int(np.argmin(losses)) and (stopped == 3 or stopped - best == 1)


def test_rows_put_aside_say_which_epoch_is_best(encoders: dict[str, str], posts: Dataset) -> None:
    how = {"epochs": 3, "validation": 0.3, "stop_on": "loss", "patience": 2}
    learner = fitted(learner_of(encoders, training=how), posts)
    facts, rows = learner.training_info(), learner.curve()
    assert facts["validation_rows"] > 0 and facts["fit_rows"] + facts["validation_rows"] == 11
    assert facts["best_epoch"] == 1 + int(np.argmin([row["validation_loss"] for row in rows]))


def test_ten_views_are_averaged_and_have_a_spread(encoders: dict[str, str], posts: Dataset, tmp_path: Path) -> None:
    fitted(learner_of(encoders), posts).save(tmp_path)
    found = {}
    for views in (1, 10):
        learner = learner_of(encoders, views=views)
        learner.load(tmp_path)
        found[views] = learner.predict_with_spread(posts)
    values, spread = found[10]
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)
    assert (spread[posts_with_image(posts)].max(axis=1) > 0).all() and (spread[[4, 5]] < 1e-6).all()
    np.testing.assert_allclose(values[4], found[1][0][4], atol=1e-5)
    assert (found[1][1] == 0).all() and not np.allclose(values[0], found[1][0][0], atol=1e-7)


def posts_with_image(data: Dataset) -> np.ndarray:
    return np.flatnonzero([path is not None for path in data.images])


def long_fit(folder: Path | None, encoders: dict[str, str], data: Dataset, kill: int | None = None) -> Fusion:
    """Every step saved; random crops, hidden halves, dropout, rates of their own, rows put aside."""
    how = {"epochs": 3, "batch": 4, "checkpoint_minutes": 0 if folder else 60, "validation": 0.2, "workers": 0}
    params = {"scale": (0.5, 1.0), "modality_dropout": 0.4, "dropout": 0.3, "image_rate": 0.5, "missing": "learned"}
    learner = learner_of(encoders, training=how, **params)
    track = {} if kill is None else {"track": killed_after(kill)}
    learner.set_context(TrainingContext(folder, None, "toy", **track))  # type: ignore[arg-type]
    return fitted(learner, data, seed=2)


@pytest.mark.parametrize("kill", [1, 3, 1000])
def test_a_training_that_was_killed_ends_with_the_bits_of_one_that_was_not(
    encoders: dict[str, str], posts: Dataset, tmp_path: Path, kill: int
) -> None:
    with pytest.raises(Killed):
        long_fit(tmp_path, encoders, posts, kill)
    torch.manual_seed(99)  # another process, another random state
    whole, continued = long_fit(None, encoders, posts), long_fit(tmp_path, encoders, posts)
    assert same_weights(continued.network_, whole.network_)  # type: ignore[arg-type]
    assert curve(continued.trained_) == curve(whole.trained_)  # type: ignore[arg-type]
    assert np.array_equal(continued.predict_proba(posts), whole.predict_proba(posts))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"width": 10, "heads": 4}, r"width must be a multiple of heads = 4, got 10"),
        ({"heads": 0}, r"params\.heads = 0: must be at least 1"),
        ({"views": 3}, r"params\.views = 3: must be 1, 2, 5 or 10"),
        ({"dropout": 1.0}, r"params\.dropout = 1\.0: must be below 1"),
        ({"modality_dropout": 1.5}, r"params\.modality_dropout = 1\.5: must be at most 1"),
        ({"max_length": 3}, r"params\.max_length = 3: must be at least 4"),
        ({"size": 16}, r"params\.size = 16: must be at least 32"),
        ({"scale": (0.9, 0.5)}, r"params\.scale: must be two shares of the area, the smaller first"),
        ({"ratio": (0.0, 1.0)}, r"params\.ratio: must be two positive numbers"),
        ({"degrees": 181.0}, r"params\.degrees = 181\.0: must be at most 180"),
        ({"image_rate": 0.0}, r"params\.image_rate = 0\.0: must be above 0"),
        ({"head_rate": float("nan")}, r"params\.head_rate = nan: must be a finite number"),
        ({"combine": "sum"}, r"combine = 'sum'"),
        ({"missing": "nothing"}, r"missing = 'nothing'"),
    ],
)
def test_a_wrong_parameter_is_refused_in_one_line(
    encoders: dict[str, str], params: dict[str, object], message: str
) -> None:
    given = {"image": encoders["image"], "text": encoders["bert"], "width": 8, "heads": 2} | params
    with pytest.raises((LearnerError, ConfigError), match=message) as caught:
        make_learner({"fusion": "base_models.multimodal.fusion:Fusion"}, "fusion", given, "base.fusion.params")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"image": "resnet51x"}, "Unknown timm model 'resnet51x'"),
        ({"image": "./nowhere"}, r"No such model folder: \./nowhere"),
        ({"text": "./nowhere"}, r"No such model folder: \./nowhere"),
        ({"text": "image"}, "network, neither an encoder nor a decoder of texts"),
        ({"max_length": 100}, r"reads 64 tokens at most; max_length = 100 is too long"),
    ],
)
def test_a_model_that_is_not_there_or_does_not_fit_is_refused_in_one_line(
    encoders: dict[str, str], posts: Dataset, params: dict[str, str], message: str
) -> None:
    params = {name: encoders.get(str(value), value) for name, value in params.items()}
    with pytest.raises(EnsembleError, match=message) as caught:
        fitted(learner_of(encoders, **params), posts)
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape_are_refused_in_one_line(
    encoders: dict[str, str], posts: Dataset, tmp_path: Path
) -> None:
    fitted(learner_of(encoders, combine="gate"), posts).save(tmp_path)
    with pytest.raises(StoreError, match="holds the weights of another network; train it again") as caught:
        learner_of(encoders).load(tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(StoreError, match="holds the weights of another network; train it again"):
        learner_of(encoders, combine="gate", width=16).load(tmp_path)
