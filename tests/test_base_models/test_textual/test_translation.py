"""Texts in other languages are translated once, by any model that needs no telling; what is not asked for stays."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.networks import one_core
from support.texts import fitted, predicted, said, small

from base_models.textual.finetuned import Textual
from base_models.textual.loading import load_tokenizer
from base_models.textual.reading import count_foreign, read_texts
from base_models.textual.translation import Translator
from base_models.tiny import make_translator
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.learner_factory import source_files

SPANISH = ["hoy estoy muy contento de veros a todos", "me gusta mucho la playa en verano con mis amigos"]
FRENCH = "je suis tellement heureux de vous revoir ce soir"
ENGLISH = "I am so happy to see all of you here tonight"
TAGGED = "RT @amiga: hoy estoy muy contenta de verte #feliz http://t.co/abc"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_translator(tmp_path_factory.mktemp("translator"), [*SPANISH, FRENCH, ENGLISH]))


@pytest.fixture
def own(model: str, tmp_path: Path) -> Path:
    """A model of one's own, to be damaged."""
    return Path(shutil.copytree(model, tmp_path / "model"))


class Shouting(Translator):
    """A toy that writes what it reads in capitals and notes it, in a memory of ``room`` texts."""

    def __init__(self, model: str, room: int = 99) -> None:
        super().__init__(model)
        self.room = room
        self.seen: list[str] = []

    def _write(self, texts: Sequence[str], room: int, rows: Sequence[int]) -> list[str]:
        if len(rows) > self.room:
            raise torch.OutOfMemoryError
        self.seen += [texts[row] for row in rows]
        return [texts[row].upper() for row in rows]

    def read_all(self, texts: Sequence[str], cache: FeatureCache) -> list[str]:
        return self.read(texts, said(texts).text_hashes(), cache)


def texts_read(
    data: Dataset, model: str | None, clean: bool = False, cache: FeatureCache | None = None
) -> list[str | None]:
    with one_core():
        return read_texts(data, clean, model, cache or FeatureCache()).texts


def test_a_translation_is_the_same_in_any_company_and_drawn_by_nobody(model: str) -> None:
    texts = [*SPANISH, "", FRENCH, "x " * 300, "ñ \U0001f600", SPANISH[0]]
    state = torch.get_rng_state()
    with one_core():
        together = Translator(model).translate(texts)
        assert together == [Translator(model).translate([text])[0] for text in texts]
    assert torch.get_rng_state().equal(state)
    assert len(set(together)) > 3 and together != texts


def test_a_very_long_text_is_cut_and_nothing_runs_on(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    with one_core():
        (short,) = Translator(model).translate([SPANISH[0] * 5])
        (long,) = Translator(model).translate([SPANISH[0] * 5000])
    assert short == long
    assert capfd.readouterr() == ("", "")


def test_each_distinct_text_is_translated_once_for_all_runs(model: str, tmp_path: Path) -> None:
    toy = Shouting(model)
    texts = [SPANISH[0], SPANISH[1], SPANISH[0]]
    assert toy.read_all(texts, FeatureCache(tmp_path)) == [text.upper() for text in texts]
    assert sorted(toy.seen) == sorted(SPANISH)
    again = Shouting(model)
    assert again.read_all([FRENCH, *texts, ""], FeatureCache(tmp_path)) == [FRENCH.upper(), *map(str.upper, texts), ""]
    assert sorted(again.seen) == sorted(["", FRENCH])


def test_another_model_translates_anew(model: str, own: Path) -> None:
    (own / "vocab.json").write_text((own / "vocab.json").read_text() + "\n")
    assert Translator(str(own)).key != Translator(model).key
    shutil.copy(Path(model) / "vocab.json", own)
    assert Translator(str(own)).key == Translator(model).key
    (own / "source.spm").write_bytes(b"other pieces")
    assert Translator(str(own)).key != Translator(model).key


@pytest.mark.parametrize("room", [1, 3])
def test_where_memory_runs_out_fewer_texts_run_together(
    model: str, room: int, caplog: pytest.LogCaptureFixture
) -> None:
    texts = [f"{number} {SPANISH[0]}" for number in range(10)]
    assert Shouting(model, room).translate(texts) == [text.upper() for text in texts]
    assert caplog.messages[-1].startswith("Out of memory: ")


def test_a_text_too_large_for_the_memory_is_one_line(model: str) -> None:
    with pytest.raises(LearnerError, match="does not hold one text to translate"):
        Shouting(model, 0).translate(SPANISH)


def test_a_text_of_which_nothing_is_made_stays(model: str) -> None:
    toy = Shouting(model)
    toy._write = lambda texts, room, rows: [""] * len(rows)  # type: ignore[method-assign]
    assert toy.translate(SPANISH) == SPANISH


def test_no_model_is_loaded_where_nothing_is_foreign() -> None:
    data = said([ENGLISH, None, "ok", ""])
    assert texts_read(data, "nobody/has-this") == data.texts


def test_another_kind_of_network_that_writes_translates_too(tmp_path: Path) -> None:
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    letters = sorted(set("".join([*SPANISH, ENGLISH])) - {" "})
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0), *((letter, -3.0) for letter in letters)]
    T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(tmp_path)
    config = T5Config(
        vocab_size=len(pieces), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    torch.manual_seed(0)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    with one_core():
        translations = Translator(str(tmp_path)).translate([*SPANISH, "", "x" * 5000])
    assert len(translations) == 4 and all(isinstance(text, str) for text in translations)


def refused(message: str, model: object) -> None:
    with pytest.raises(LearnerError, match=message) as caught:
        texts_read(said(SPANISH), str(model))
    assert "\n" not in str(caught.value)


def test_what_cannot_translate_is_refused_in_one_line(encoders: dict[str, str], own: Path, tmp_path: Path) -> None:
    refused("No such model folder", tmp_path / "nothing")
    refused("A model is named by nothing", " ")
    refused("Cannot load model .*BertConfig", encoders["bert"])
    (own / "source.spm").unlink()
    refused("Cannot load model", own)


def test_an_old_file_of_weights_is_read_and_a_pickle_never_executed(model: str, own: Path) -> None:
    weights = load_file(own / "model.safetensors")
    (own / "model.safetensors").unlink()
    torch.save(weights, own / "pytorch_model.bin")
    with one_core():
        assert Translator(str(own)).translate(SPANISH) == Translator(model).translate(SPANISH)
    torch.save({**weights, "more": Path("x")}, own / "pytorch_model.bin")
    refused("more than tensors, and nothing else is unpickled", own)


def test_weights_of_another_network_are_refused(own: Path) -> None:
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({**config, "decoder_layers": 2}))
    refused("holds the weights of another network", own)


def test_a_model_that_has_to_be_told_the_language_is_refused(own: Path) -> None:
    load_tokenizer(str(own)).src_lang = "es"
    refused("has to be told the language of each text; give a translator that reads many without", own)


def test_where_nothing_is_asked_for_the_posts_are_the_same() -> None:
    data = said([TAGGED, None])
    assert read_texts(data, False, None, FeatureCache()) is data


def test_cleaned_texts_keep_their_rows_and_missing_ones_are_missing() -> None:
    data = said([TAGGED, None, "http://t.co/abc", ""])
    read = read_texts(data, True, None, FeatureCache())
    assert read.texts == ["hoy estoy muy contenta de verte feliz", None, "", ""]
    assert read.frame.drop(columns="text").equals(data.frame.drop(columns="text"))
    assert data.texts[0] == TAGGED


def test_texts_are_cleaned_before_they_are_translated(model: str) -> None:
    data = said([TAGGED, ENGLISH, None, "ok", FRENCH])
    with one_core():
        expected = Translator(model).translate(["hoy estoy muy contenta de verte feliz", FRENCH])
    assert texts_read(data, model, clean=True) == [expected[0], ENGLISH, None, "ok", expected[1]]
    assert count_foreign(data) == count_foreign(read_texts(data, True, None, FeatureCache())) == 2
    assert texts_read(data, model)[0] != expected[0]


def reader(encoders: dict[str, str], model: str, **params: object) -> Textual:
    return small(encoders["bert"], clean=True, translator=model, **params)


def test_a_learner_counts_what_was_translated_and_depends_on_the_translator(
    encoders: dict[str, str], model: str, tmp_path: Path
) -> None:
    posts = said([TAGGED, "great monday", FRENCH, None, "boss cat", ENGLISH])
    cache = FeatureCache(tmp_path / "cache")
    learner = reader(encoders, model)
    with one_core():
        learner.prepare(posts, cache)
        fitted(learner, posts)
    values = predicted(learner, posts)
    facts = learner.training_info()
    assert (facts["fit_texts"]["translated"], facts["predicted_texts"]["translated"]) == (2, 2)
    assert facts["fit_texts"]["missing"] == 1
    assert len(list((tmp_path / "cache").glob("translations-*/*.ids.npy"))) == 1
    assert {Path(model) / "source.spm", Path(model) / "model.safetensors"} < set(source_files(learner))
    learner.save(tmp_path / "fold")
    loaded = reader(encoders, model)
    loaded.load(tmp_path / "fold")
    np.testing.assert_array_equal(predicted(loaded, posts), values)
    assert loaded.training_info()["predicted_texts"]["translated"] == 2


def test_a_learner_sees_no_more_of_a_post_than_its_cleaned_words(encoders: dict[str, str]) -> None:
    learner = fitted(small(encoders["bert"], clean=True), said(["great monday", "coffee", "hate boss"]))
    values = predicted(learner, said(["RT @x: #great monday http://t.co/abc", "great monday"]))
    np.testing.assert_array_equal(values[0], values[1])
    assert "translated" not in learner.training_info()["fit_texts"]
