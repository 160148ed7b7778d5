"""A configuration that cannot be read is answered with what is wrong in it and what would be right."""

import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from support import ROOT
from support.shell import Ensemble

from ensemble.config import load_config
from ensemble.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[data]\npreset = \N{LEFT DOUBLE QUOTATION MARK}csv\N{RIGHT DOUBLE QUOTATION MARK}",
            "quotation marks are straight",
        ),
        ('[data]\nroot = "C:\\Users"', "a path is written with / or in single quotes"),
        ("[data]\npreset = csv", "line 2, column 10.*: preset = csv"),
        ('[Data]\npreset = "csv"', "Unknown key 'Data'. Did you mean 'data'"),
        ('[data]\npreset = "csv"\n[run]\nfolder = ""', "run.folder: must not be empty"),
    ],
)
def test_a_line_that_is_wrong_is_shown_with_what_would_be_right(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_config(path)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text('[data]\npreset = "caf\u00e9"', encoding=encoding)
    with pytest.raises(ConfigError, match="not in UTF-8; save it as UTF-8"):
        load_config(path)


def test_folders_and_links_in_place_of_the_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "link.toml").symlink_to("gone.toml")
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "link.toml", "a symbolic link that leads nowhere")):
        with pytest.raises(ConfigError, match=words):
            load_config(path)


def test_a_tilde_is_the_users_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.toml").write_text('[data]\npreset = "csv"\nroot = "~/posts"\n[run]\nfolder = "~/run"')
    config = load_config(tmp_path / "a.toml")
    assert (config.data.root, config.run.folder) == (tmp_path / "posts", tmp_path / "run")


def test_numbers_of_options_are_refused_in_our_words(ensemble: Ensemble) -> None:
    for given, words in (("0", "must be at least 1"), ("many", "must be a whole number")):
        outcome = ensemble("plan", "--jobs", given)
        assert outcome.code == 2 and words in outcome.err and "nput should" not in outcome.err


def test_a_library_warning_is_one_line_and_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    from cli.main import _say

    for _ in range(2):
        _say(UserWarning("two\nlines"), UserWarning, warnings.__file__, 3)
    (said,) = capsys.readouterr().err.splitlines()
    assert said.endswith(": two lines") and warnings.__file__ not in said


@pytest.mark.alone
def test_the_package_is_the_command_and_says_its_version() -> None:
    said = subprocess.run([sys.executable, "-m", "ensemble", "--version"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0 and said.stdout.startswith("ensemble ") and said.stderr == ""
