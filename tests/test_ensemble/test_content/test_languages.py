"""The language of a text is told or left open, offline and the same every time."""

import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensemble.content.languages import count_languages, detect

SENTENCES = {
    "en": "RT @friend: just watched the best sunset of my life with you http://t.co/abc",
    "es": "RT @amiga: hoy estoy muy contenta de verte otra vez #feliz http://t.co/abc",
    "fr": "Je suis tellement heureux de vous revoir, quelle belle soirée",
    "de": "Ich freue mich so sehr auf das Wochenende mit euch allen",
    "ja": "pixivに投稿しました。よろしくお願いします",
    "ru": "Я так рад тебя видеть сегодня вечером",
    "hi": "मैं आज आपसे मिलकर बहुत खुश हूँ",
    "ar": "أنا سعيد جدا برؤيتك اليوم يا صديقي",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_the_language_of_a_sentence_is_told(language: str) -> None:
    assert detect([SENTENCES[language]]) == [language]


def test_capitals_do_not_make_a_text_foreign() -> None:
    assert detect(["WHEN YOU FINALLY FINISH YOUR HOMEWORK BUT IT WAS DUE YESTERDAY imgflip.com"]) == ["en"]


@pytest.mark.parametrize(
    "text", ["", " ", "ok", "???? ?? ???", "\U0001f600\U0001f600", "12345 2015", "#x", "@john_doe"]
)
def test_a_text_of_too_little_is_undetermined(text: str) -> None:
    assert detect([text]) == [None]


def test_a_link_and_a_name_are_no_language() -> None:
    assert detect(["@MuchasGracias http://www.muchasgraciasporlainformacion.es/hola-que-tal"]) == [None]


def test_missing_texts_have_no_language_and_are_not_counted() -> None:
    texts = [SENTENCES["es"], None, SENTENCES["en"], "", SENTENCES["en"]]
    assert detect(texts) == ["es", None, "en", None, "en"]
    assert list(count_languages(texts).items()) == [("en", 2), ("es", 1), ("und", 1)]
    assert count_languages([]) == count_languages([None]) == {}


def test_the_undetermined_come_last_however_many() -> None:
    assert list(count_languages(["", "?", SENTENCES["fr"]])) == ["fr", "und"]


@given(st.lists(st.none() | st.text()))
def test_no_text_is_too_odd_and_a_code_has_two_letters(texts: list[str | None]) -> None:
    found = detect(texts)
    assert len(found) == len(texts)
    assert all(language is None or (len(language) == 2 and language.islower()) for language in found)


def test_a_very_long_text_costs_no_more_than_a_page() -> None:
    detect([SENTENCES["en"]])
    begun = time.process_time()
    assert detect([SENTENCES["es"] * 10_000]) == ["es"]
    assert time.process_time() - begun < 1


def test_the_library_is_loaded_only_when_a_language_is_asked_for() -> None:
    code = "import sys, ensemble.content.audit; sys.exit('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
