"""`import ensemble` is a door: light, typed, one-way."""

import ast
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from support import ROOT

import ensemble
from cli.api.wording import in_arguments


def run(code: str, folder: Path) -> str:
    """What a fresh process prints; a warning is an error."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.alone
def test_importing_it_loads_nothing(tmp_path: Path) -> None:
    code = """
import sys
before = set(sys.modules)
import ensemble
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
heavy = {"torch", "sklearn", "numpy", "pandas", "pydantic", "typer", "rich", "cli", "meta", "base_models"}
print(sorted(loaded & heavy))
print(sorted(name for name in dir(ensemble) if not name.startswith("_")))
ensemble.Posts
print("sklearn" in sys.modules, "torch" in sys.modules)
try:
    ensemble.Post
except AttributeError as error:
    print(error)
"""
    light, names, heavy, error = run(code, tmp_path).splitlines()
    assert light == "[]" and "'Posts'" in names
    assert heavy == "False False" and error == "module 'ensemble' has no attribute 'Post'"


def test_every_name_is_there_and_has_its_type() -> None:
    stub = ast.parse((ROOT / "ensemble" / "__init__.pyi").read_text(encoding="utf-8")).body
    typed = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in stub
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == ensemble.PUBLIC
    assert set(ensemble.__all__) == {*ensemble.PUBLIC, "__version__"}
    named = next(ast.literal_eval(node.value) for node in stub if isinstance(node, ast.Assign))
    assert named == ensemble.__all__
    for name in ensemble.__all__:
        assert getattr(ensemble, name).__doc__


def test_the_version_is_that_of_the_package() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    assert ensemble.__version__ == settings["metadata"]["version"]


def test_inside_nobody_goes_through_the_door() -> None:
    """Below the commands, and among them, names come from the module they are of."""
    for package in ("ensemble", "base_models", "meta", "cli"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    assert "ensemble" not in [alias.name for alias in node.names], path
                elif isinstance(node, ast.ImportFrom) and node.module == "ensemble":
                    assert not {alias.name for alias in node.names} & set(ensemble.PUBLIC), path


def test_options_in_messages_become_arguments_and_commands_stay() -> None:
    said = "no texts; --column text=NAME names one, --images their folder; run `ensemble stack --task 'a'`."
    expected = 'no texts; columns={"text": "NAME"} names one, root= their folder; run `ensemble stack --task \'a\'`.'
    assert in_arguments(said) == expected
    assert in_arguments("trusted: --allow theirs") == "trusted: allow=['theirs']"
    assert in_arguments("--no-operating-point predicts without") == "operating_points=False predicts without"
    assert in_arguments("--set 'k' must read key=value") == "overrides= 'k' must read key=value"
