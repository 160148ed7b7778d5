"""Language models that see, asked as they are; what of a post they look at."""

import numpy as np
import pytest
import torch
from scipy.special import softmax
from support.asked import fitted, quick, whole_posts, without
from support.world import SENTIMENT

from base_models.multimodal.preprocessing import image_preprocessing
from base_models.textual.loading import load_tokenizer
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.modalities import describe, modalities_of


def test_zero_shot_gives_what_the_model_itself_says(llava: str, posts: Dataset) -> None:
    from transformers import LlavaForConditionalGeneration

    data = whole_posts(posts, 4)
    vocabulary = load_tokenizer(llava).get_vocab()
    words = [token[1:] for token in sorted(vocabulary) if token.startswith("\u0120") and token[1:].isalpha()][:3]
    learner = fitted(quick(llava, "none", prompts=dict(zip(SENTIMENT.classes, words, strict=True))), data)
    batch = learner._source().examples(data, 1, training=False).batch(range(4))
    read = image_preprocessing(llava)
    mean, std = (torch.tensor(channel).view(3, 1, 1) for channel in (read.mean, read.std))
    published = LlavaForConditionalGeneration.from_pretrained(llava).eval()
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with torch.inference_mode():
        logits = published(**given, pixel_values=(batch["pixels"].permute(0, 3, 1, 2) / 255 - mean) / std).logits[:, -1]
    expected = logits[:, [vocabulary[f"\u0120{word}"] for word in words]].softmax(dim=1)
    np.testing.assert_allclose(learner.predict_proba(data), expected, atol=1e-4)


def test_zero_shot_learns_of_the_labels_nothing_but_how_frequent_they_are(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    shuffled = data.with_columns(sentiment=data.frame["sentiment"].to_numpy()[::-1])
    values = [fitted(quick(llava, "none"), one, seed).predict_proba(data) for seed, one in enumerate((data, shuffled))]
    assert (values[0] == values[1]).all()
    nothing = fitted(quick(llava, "none"), data).predict_proba(without(data, "text", "image"))
    assert len(np.unique(nothing, axis=0)) == 1, "the class frequencies"


def test_prompt_and_words_stand_in_the_record(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    learner = quick(
        llava, "none", template="{text} {question} {classes}", prompts={"sentiment.negative": ["bad", "sad"]}
    )
    facts = fitted(learner, data).training_info()
    asked = "{text} What is the sentiment of this post? bad, neutral, positive"
    assert facts["prompts"] == [f"USER: <image>\n{asked} ASSISTANT:"]
    assert facts["words"] == [["bad", "sad"], ["neutral"], ["positive"]]
    assert facts["trainable_parameters"] == 0 and facts["parameters"] > 10_000
    assert facts["fit_posts"] == {"rows": 12, "without_text": 0, "without_image": 0, "cut": facts["fit_posts"]["cut"]}
    with pytest.raises(LearnerError, match=r"^vlm: Unknown class in prompts 'negativ'\. Did you mean 'negative'\?"):
        fitted(quick(llava, "none", prompts={"negativ": "bad"}), data)


def test_calibrated_a_post_that_says_nothing_is_of_no_class(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    plain, calibrated = (fitted(quick(llava, "none", calibrate=on), data) for on in (False, True))
    silent = without(data.take([0, 1, 2]), "image").with_columns(text=["N/A", "[MASK]", ""])
    expected = np.log(plain.predict_proba(data)) - np.log(plain.predict_proba(silent)).mean(axis=0)
    np.testing.assert_allclose(calibrated.predict_proba(data), softmax(expected, axis=1), atol=0.05)
    spread = [np.abs(np.log(one.predict_proba(silent)).mean(axis=0) + np.log(3)).max() for one in (plain, calibrated)]
    assert spread[1] < 0.3 * spread[0]


def test_several_words_of_a_class_are_more_likely_than_one(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    one = fitted(quick(llava, "none"), data).predict_proba(data)
    more = fitted(quick(llava, "none", prompts={"neutral": ["neutral", "so sad"]}), data).predict_proba(data)
    assert (more[:, 1] > one[:, 1]).all()
    np.testing.assert_allclose(more[:, 0] / more[:, 2], one[:, 0] / one[:, 2], rtol=1e-3)


def test_what_is_looked_at_is_what_template_and_model_have(folders: dict[str, str]) -> None:
    for model, template, seen in (
        ("llava", "{text}?", "both"),
        ("qwen3", "Mood?", "image"),
        ("text", "{text}?", "text"),
    ):
        assert describe(modalities_of(quick(folders[model], template=template))) == seen


def test_a_hidden_modality_is_one_that_is_not_there(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts)
    learner = fitted(quick(llava, "none"), data)
    for kind in ("text", "image"):
        hidden = without(data, kind)
        examples = learner._source().examples(data, 1, training=False)
        rows, shown = np.arange(len(data)), np.ones(len(data), bool)
        batch = examples._batch(rows, shown & (kind != "text"), shown & (kind != "image"), None, (1,))
        expected = learner._source().examples(hidden, 1, training=False).batch(rows.tolist())
        torch.testing.assert_close(batch["input_ids"], expected["input_ids"])
        torch.testing.assert_close(batch["image_rows"], expected["image_rows"])


def test_training_hides_texts_and_images(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts, 40)
    learner = fitted(quick(llava, "none", modality_dropout=1.0), data)
    examples = learner._source().examples(data, 1, training=True)
    drawn = [(0, 0, row) for row in range(40)]
    batch = examples.augmented(drawn)
    images, lengths = len(batch["image_rows"]), batch["attention_mask"].sum(dim=1)
    assert 5 < images < 35 and len(batch["pixels"]) == images
    with_image = torch.zeros(40, dtype=torch.bool)
    with_image[batch["image_rows"]] = True
    assert len(lengths[with_image].unique()) == 1, "their texts are hidden"
    again = examples.augmented(drawn)
    assert all(torch.equal(batch[name], again[name]) for name in batch)


def test_long_texts_are_cut_counted_and_said(llava: str, posts: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    data = whole_posts(posts).with_columns(text=["so", "so " * 500, *["the"] * 10])
    learner = quick(llava, "none", max_length=13)
    learner.prepare(data, FeatureCache())
    assert fitted(learner, data).training_info()["fit_posts"]["cut"] == 1
    assert "1 of 12 texts are longer than max_length = 13 tokens and are cut" in caplog.text


def test_prompts_that_are_longer_than_the_model_reads_are_refused(llava: str, posts: Dataset) -> None:
    data = whole_posts(posts).with_columns(text="so happy " * 200)
    with pytest.raises(LearnerError, match=r"^vlm: a prompt has \d+ tokens, and the model has room for \d+ before an"):
        fitted(quick(llava, "none", max_length=400), data).predict_proba(data)


def test_prompts_leave_room_for_the_longest_answer(folders: dict[str, str], posts: Dataset) -> None:
    data, prompts = whole_posts(posts).with_columns(text="so happy " * 200), {"positive": "happy as can be"}
    done = []
    for max_length in range(235, 251):  # 256 learned positions, 6 of them of the image
        learner = quick(folders["blip2"], "none", prompts=prompts, max_length=max_length)
        try:
            done.append(np.isfinite(fitted(learner, data).predict_proba(data)).all())
        except LearnerError as error:
            assert "and the model has room for" in str(error)
    assert all(done) and 0 < len(done) < 16
