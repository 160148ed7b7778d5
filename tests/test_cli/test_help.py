"""`--help`: types as words, nothing cut, an example for every command, however narrow the terminal."""

import re

import pytest
from support.shell import Ensemble
from typer.main import get_command

from cli.commands import app

COMMANDS = sorted(get_command(app).commands)  # type: ignore[attr-defined]
WORDS = {"number", "numbers", "text", "file", "folder", "name", "time", "class", "share", "package"}
WORDS |= {"key=value", "kind=name", "task=column", "class=number"}


@pytest.mark.parametrize("columns", ["60", "80"])
def test_the_list_of_commands_says_of_each_its_whole_first_sentence(
    ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = ensemble("--help").out
    listed = shown.partition("Commands:")[2]
    assert "..." not in listed and "…" not in listed
    assert set(COMMANDS) <= set(re.findall(r"^  ([a-z-]+) ", listed, re.MULTILINE))
    assert " ".join(listed.split()).count("Hold a finished run to its out-of-fold score") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_types_are_words_and_nothing_is_cut(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = ensemble(command, "--help").out
    of_options = shown.partition("Options:")[2]
    assert not re.search(r"<(str|int|float|path|list|range)|TEXT|INTEGER|PATH|…", shown, re.MULTILINE)
    types = re.findall(r"^  (?:-\w, )?--[\w-]+ (\S+)", of_options, re.MULTILINE)
    assert all(word in WORDS or word == "/" or word[0].isupper() or "|" in word for word in types), types
    assert f"ensemble {command}" in shown.partition("Options:")[0].replace(f"Usage: ensemble {command}", "")
    for name, word in re.findall(r"^  ([A-Z]+) (\w+)", shown.partition("Arguments:")[2], re.MULTILINE):
        assert word in WORDS, name


@pytest.mark.parametrize("columns", ["60", "80"])
def test_learners_say_their_parameters_whole(ensemble: Ensemble, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = ensemble("learners", "tfidf").out
    assert shown and "…" not in shown and max(map(len, shown.splitlines())) <= int(columns)
