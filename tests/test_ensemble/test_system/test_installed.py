"""Code of other packages: what is installed is found, what merely lies there is never imported."""

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.packages import LEARNER, Install

from ensemble.errors import ConfigError
from ensemble.system.installed import PLACE, load_installed, package_of, version_of

MARK = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\nclass Learner: ...\n"


def test_a_class_of_an_installed_package_is_found_and_not_called(install: Install) -> None:
    install("theirs", learners="class Learner:\n    def __init__(self):\n        raise RuntimeError\n")
    assert load_installed("theirs.learners:Learner").__name__ == "Learner"
    assert package_of("theirs.learners:Learner") == "theirs"


@pytest.mark.parametrize("place", ["os:system", "subprocess:getoutput", "builtins:eval", "posix:system", "__main__:x"])
def test_python_itself_is_no_package_of_learners(place: str) -> None:
    with pytest.raises(ConfigError, match=f"^'{place}': {package_of(place)} is not an installed package"):
        load_installed(place)


@pytest.mark.parametrize("entry", ["", ".", "absolute"])
def test_nothing_that_lies_in_the_working_folder_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    (tmp_path / "lying.py").write_text(MARK)
    (tmp_path / "lying_package").mkdir()
    (tmp_path / "lying_package" / "learners.py").write_text(MARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path) if entry == "absolute" else entry, *sys.path])
    for place in ("lying:Learner", "lying_package.learners:Learner"):
        with pytest.raises(ConfigError, match="is not an installed package"):
            load_installed(place)
    assert not [*tmp_path.rglob("*.ran")]
    assert sys.path[0] == (str(tmp_path) if entry == "absolute" else entry), "the path is as it was"


def test_a_module_there_does_not_stand_in_for_what_an_installed_one_imports(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("theirs", learners="import lying\n")
    (tmp_path / "lying.py").write_text(MARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    with pytest.raises(ConfigError, match=r"'theirs.learners:Learner' failed: ModuleNotFoundError: No module named"):
        load_installed("theirs.learners:Learner")
    assert not (tmp_path / "lying.ran").exists()


def test_what_was_imported_from_elsewhere_is_refused_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lying_loaded.py").write_text("class Learner: ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # type: ignore[no-untyped-call]
    __import__("lying_loaded")
    with pytest.raises(ConfigError, match=r"not an installed package \(there is one in .*lying_loaded.py\)"):
        load_installed("lying_loaded:Learner")
    del sys.modules["lying_loaded"]


def test_a_project_installed_in_place_is_installed(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = install("theirs").parent / "mine.dist-info"
    project = tmp_path / "my project"
    (project / "mine").mkdir(parents=True)
    (project / "mine" / "__init__.py").write_text("class Learner: ...\n")
    recorded.mkdir()
    (recorded / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 0.1\n")
    monkeypatch.syspath_prepend(str(project))  # type: ignore[no-untyped-call]
    with pytest.raises(ConfigError, match="is not an installed package"):
        load_installed("mine:Learner")
    url = {"url": project.as_uri(), "dir_info": {"editable": True}}
    (recorded / "direct_url.json").write_text(json.dumps(url))
    assert load_installed("mine:Learner").__module__ == "mine"
    del sys.modules["mine"]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0\n", r"ZeroDivisionError: division by zero \(line 1 of .*learners.py\)"),
        ("raise SystemExit(3)\n", r"SystemExit: 3"),
        ("def (\n", r"SyntaxError: invalid syntax"),
        ("", r"the module theirs.learners has no 'Learner'"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(install: Install, source: str, words: str) -> None:
    install("theirs", learners=source)
    with pytest.raises(ConfigError, match=words) as caught:
        load_installed("theirs.learners:Learner")
    assert "\n" not in str(caught.value)


@given(st.text(max_size=30))
def test_only_dotted_names_with_one_colon_are_places(text: str) -> None:
    module, _, name = text.partition(":")
    named = all(part.isidentifier() and part.isascii() for part in [*module.split("."), name])
    assert bool(PLACE.fullmatch(text)) == named


@pytest.mark.parametrize(
    "place", ["theirs:", ":Learner", "theirs:a.b", "../theirs:Learner", "theirs..x:Learner", "a:b:c"]
)
def test_other_forms_are_refused(place: str) -> None:
    with pytest.raises(ConfigError, match=r"must be of the form 'my_package\.module:Name'"):
        load_installed(place)


def test_the_version_of_code_changes_with_its_number_and_with_any_of_its_files(install: Install) -> None:
    found = []
    for version, learners, other in (
        ("1.0", LEARNER, ""),
        ("1.1", LEARNER, ""),
        ("1.1", LEARNER, "x = 1"),
        ("1.1", "", ""),
    ):
        install("theirs", version, learners=learners, other=other)
        found.append(version_of("theirs.learners:Share"))
    assert len(set(found)) == 4
    assert found[0].startswith("theirs 1.0, source ")
    install("theirs", "1.0", learners=LEARNER, other="")
    assert version_of("theirs.learners:Share") == found[0]


def test_a_single_module_has_a_version_too(install: Install) -> None:
    site = install("theirs").parent
    (site / "single.py").write_text("class Learner: ...\n")
    before = version_of("single:Learner")
    (site / "single.py").write_text("class Learner: pass\n")
    version_of.cache_clear()
    os.utime(site)
    assert version_of("single:Learner") != before
