"""The acoustic learner: what is heard is learned, padding changes nothing, killed trainings end with the same bits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from support.clips import tone, write_sound
from support.networks import Killed, curve, freeze_imports, killed_after, one_core, same_weights
from support.speech import sound
from support.world import SENTIMENT

from base_models.acoustic.body import make_body
from base_models.acoustic.finetuned import Acoustic, AcousticTraining
from base_models.acoustic.network import Pooled, SpeechClassifier, SpeechHeadShape, standardise
from base_models.class_weights import smoothed_frequencies
from base_models.neural.optimization import make_optimizer
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner import TrainingContext

KINDS = ["whisper", "wav2vec2", "wav2vec2-base", "wavlm-large"]


def small(model: str, **params: object) -> Acoustic:
    """A learner of one short epoch; ``training`` is a table."""
    quick = {"epochs": 1, "batch": 4, "warmup": 0.0, "precision": "float32"}
    training = AcousticTraining.model_validate(quick | params.pop("training", {}))  # type: ignore[operator]
    return Acoustic(model, training=training, **params)  # type: ignore[arg-type]


def fitted(learner: Acoustic, data: Dataset, seed: int = 0) -> Acoustic:
    freeze_imports()
    with one_core():
        learner.fit(data, SENTIMENT, seed)
    return learner


def predicted(learner: Acoustic, data: Dataset) -> np.ndarray:
    with one_core():
        return learner.predict_proba(data)


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A sound per post, of different lengths: low, middle and high tones by label; the last two posts have none."""
    folder = tmp_path_factory.mktemp("heard")
    random = np.random.default_rng(0)
    names: list[str | None] = []
    for row in range(24):
        pitch = (200.0, 900.0, 3000.0)[row % 3] * random.uniform(0.9, 1.1)
        names.append(write_sound(folder / f"{row}.wav", tone(random.uniform(0.1, 0.4), pitch, pitch)).name)
    names[-2:] = [None, None]
    labels = [SENTIMENT.classes[row % 3] for row in range(24)]
    frame = pd.DataFrame({"id": [f"post{row}" for row in range(24)], "audio": names}, dtype=object)
    return Dataset(frame.assign(text=None, part="train", sentiment=labels), folder, (SENTIMENT,))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_has_the_same_probabilities_alone_and_among_others(
    kind: str, encoders: dict[str, str], heard: Dataset
) -> None:
    learner = fitted(small(encoders[kind], layers="weighted", pooling="attention"), heard)
    values = predicted(learner, heard)
    for row in range(0, 24, 5):
        np.testing.assert_allclose(predicted(learner, heard.take([row])), values[row : row + 1], atol=1e-5)
    assert len(np.unique(values[:22].round(6), axis=0)) > 10


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2-base"])
def test_tones_are_told_apart(kind: str, encoders: dict[str, str], heard: Dataset) -> None:
    learner = fitted(small(encoders[kind], training={"epochs": 12, "lr": 3e-3}, time_masks=1), heard)
    values = predicted(learner, heard)[:22]
    assert (values.argmax(axis=1) == heard.codes(SENTIMENT)[:22]).mean() > 0.8
    assert learner.curve()[-1]["loss"] < learner.curve()[0]["loss"]


def test_the_record_says_what_was_heard_and_how(encoders: dict[str, str], heard: Dataset, tmp_path: Path) -> None:
    learner = fitted(small(encoders["whisper"], max_seconds=0.3), heard)
    predicted(learner, heard.take(range(20, 24)))
    facts = learner.training_info()
    assert facts["fit_sounds"]["rows"] == 24 and facts["fit_sounds"]["missing"] == 2
    assert 0 < facts["fit_sounds"]["cut"] < 22 and facts["fit_sounds"]["damaged"] == 0
    assert facts["predicted_sounds"]["rows"] == 4 and facts["predicted_sounds"]["missing"] == 2
    assert facts["sound_window"] == "the sound's own length: of 200 positions, 4 s, the first"
    assert facts["parameters"] > facts["trainable_parameters"] > 0, "positions are never trained"
    assert "sound_window" not in fitted(small(encoders["wavlm"]), heard).training_info()
    json.dumps(facts)


def test_rows_without_a_sound_get_the_class_frequencies_and_teach_nothing(
    encoders: dict[str, str], heard: Dataset
) -> None:
    few = heard.take([0, 1, 2, 3, 22, 23])
    learner, other = (fitted(small(encoders["whisper"]), data) for data in (few, few.take(range(4))))
    assert same_weights(learner.network_, other.network_)  # type: ignore[arg-type]
    usual = smoothed_frequencies(few.codes(SENTIMENT), 3)
    np.testing.assert_allclose(predicted(learner, few)[4:], [usual, usual])


def test_a_fitted_learner_is_saved_and_loaded_whole(encoders: dict[str, str], heard: Dataset, tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(encoders["wav2vec2-base"], copy)
    learner = fitted(small(str(copy), layers="weighted", hidden_width=8), heard)
    values = predicted(learner, heard)
    learner.save(tmp_path / "saved")
    shutil.rmtree(copy)
    loaded = small(str(copy), layers="weighted", hidden_width=8)
    loaded.load(tmp_path / "saved")
    assert (predicted(loaded, heard) == values).all()


@pytest.mark.parametrize("steps", [1, 4, 6, 9])
@pytest.mark.parametrize("kind", ["whisper", "wavlm"])
def test_a_killed_training_ends_with_the_bits_of_one_that_was_not(
    kind: str, steps: int, encoders: dict[str, str], heard: Dataset, tmp_path: Path
) -> None:
    data = heard.take(range(16))
    training = {"epochs": 3, "checkpoint_minutes": 0.0, "validation": 0.25}
    how = {"training": training, "dropout": 0.3, "time_masks": 2, "mask_share": 0.3, "layer_decay": 0.8}
    whole = fitted(small(encoders[kind], **how), data)
    interrupted = small(encoders[kind], **how)
    interrupted.set_context(TrainingContext(tmp_path / "job", None, "", killed_after(steps)))
    with pytest.raises(Killed):
        fitted(interrupted, data)
    torch.manual_seed(99)
    continued = small(encoders[kind], **how)
    continued.set_context(TrainingContext(tmp_path / "job"))
    fitted(continued, data)
    assert same_weights(continued.network_, whole.network_)  # type: ignore[arg-type]
    assert curve(continued.trained_) == curve(whole.trained_)  # type: ignore[arg-type]


def test_masks_are_of_training_alone_and_change_it(encoders: dict[str, str], heard: Dataset) -> None:
    data = heard.take(range(12))
    learners = [small(encoders["whisper"], time_masks=count, mask_share=0.4, dropout=0.0) for count in (0, 2)]
    plain, masked = (fitted(learner, data) for learner in learners)
    assert not same_weights(plain.network_, masked.network_)  # type: ignore[arg-type]
    examples = masked._source().examples(data, 1, True)
    plainly, drawn, again, later = (
        batch["inputs"]
        for batch in (
            examples.batch([0, 1]),
            *(examples.augmented([(0, epoch, 0), (0, epoch, 1)]) for epoch in (0, 0, 1)),
        )
    )
    assert (drawn == again).all() and not (drawn == later).all() and not (drawn == plainly).all()


def classifier(folder: str, **options: object) -> SpeechClassifier:
    shape = SpeechHeadShape("weighted", "attention", 16, 0.0)
    return SpeechClassifier(make_body(folder, False, 0), 3, shape, 0, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2", "wavlm", "hubert"])
def test_frozen_layers_stay_and_all_others_learn(kind: str, encoders: dict[str, str]) -> None:
    network = classifier(encoders[kind], frozen=1)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    optimizer = make_optimizer(network, AcousticTraining(lr=1e-2))
    inputs = torch.from_numpy(np.stack([network.body.inputs(sound(6000, seed)) for seed in range(3)]))
    lengths = torch.full((3,), inputs.shape[1])
    with one_core():
        for _ in range(2):
            optimizer.zero_grad()
            network.train()(inputs, lengths).logsumexp(dim=1).sum().backward()
            optimizer.step()
    learned = {name for name, parameter in network.named_parameters() if not torch.equal(parameter, before[name])}
    upper = {name for name in before if ".layers.1." in name or name.startswith(("head.", "body.network.layer_norm."))}
    unseen = {name for name in before if name.endswith("k_proj.bias")}  # by a softmax
    assert learned - unseen == upper - unseen


@pytest.mark.parametrize("kind", ["whisper", "wav2vec2-base"])
def test_a_new_head_sees_what_is_centred_and_scaled(kind: str, encoders: dict[str, str], heard: Dataset) -> None:
    network = classifier(encoders[kind])
    known = heard.take(range(22))
    examples = small(encoders[kind])._source().examples(known, 1, False)
    with one_core(), torch.inference_mode():
        standardise(network, examples, AcousticTraining())
        each = [Pooled(network)(**examples.batch([row])) for row in range(22)]
    seen = (torch.cat(each) - network.head.center) / network.head.scale
    torch.testing.assert_close(seen.mean(dim=0), torch.zeros(32), atol=1e-3, rtol=0)
    torch.testing.assert_close(seen.std(dim=0, correction=0), torch.ones(32), atol=1e-3, rtol=0)


def test_the_layers_have_rates_of_their_own_and_the_head_a_multiple(encoders: dict[str, str]) -> None:
    groups = classifier(encoders["whisper"], decay=0.5, head_rate=10.0).parameter_groups(0.8)
    assert [group["lr"] for group in groups] == pytest.approx([0.1, 0.2, 0.4, 8.0])
    assert len(classifier(encoders["whisper"]).parameter_groups(0.8)) == 1


@pytest.mark.parametrize("kind", ["whisper", "wavlm", "wav2vec2"])
def test_activations_computed_twice_give_the_same_gradients(kind: str, encoders: dict[str, str]) -> None:
    found = []
    for recompute in (False, True):
        network = classifier(encoders[kind], recompute=recompute).train()
        for module in network.modules():
            module.p = 0.0 if isinstance(module, torch.nn.Dropout) else getattr(module, "p", None)  # type: ignore[assignment]
        inputs = torch.from_numpy(network.body.inputs(sound(6000)))[None]
        with one_core():
            torch.manual_seed(0)
            network(inputs, torch.tensor([inputs.shape[1]])).logsumexp(dim=1).sum().backward()
        found.append({name: each.grad for name, each in network.named_parameters() if each.grad is not None})
    assert found[0].keys() == found[1].keys()
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, atol=1e-5, rtol=1e-4)


def test_more_frozen_layers_than_there_are_is_refused(encoders: dict[str, str]) -> None:
    with pytest.raises(LearnerError, match="frozen_layers = 3, but the network has only 2 layers"):
        classifier(encoders["whisper"], frozen=3)


def test_a_model_that_is_not_there_is_refused_before_the_first_job(heard: Dataset, tmp_path: Path) -> None:
    with pytest.raises(LearnerError, match="No such model folder"):
        Acoustic(str(tmp_path / "none")).check_models(heard, FeatureCache())
