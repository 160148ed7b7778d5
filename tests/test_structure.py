"""The shape of the code base: layers, sizes, the tree of files, no pickle."""

import ast
import re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

import pytest
from support import ROOT

LAYERS = {
    "ensemble": {"ensemble"},
    "base_models": {"ensemble", "base_models"},
    "meta": {"ensemble", "meta"},
    "cli": {"ensemble", "base_models", "meta", "cli"},
}
FORBIDDEN = {"ensemble": {"torch", "timm", "transformers", "typer", "rich"}, "meta": {"torch", "timm", "transformers"}}
PLAIN_PICKLES = {  # unpicklers that call nothing: of words and numbers, and of arrays
    "base_models/textual/vocabulary.py",
    "ensemble/datasets/pickled_arrays.py",
}
ROOMS = (
    "errors",
    "system",
    "contracts",
    "content",
    "datasets",
    "jobs",
    "tuning",
    "upkeep",
    "contract",
)  # each knows those before it
SOURCES = sorted(path for package in LAYERS for path in (ROOT / package).rglob("*.py"))


def module(path: Path) -> str:
    """The dotted name under which a file is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in SOURCES}


@cache
def imported(path: Path) -> frozenset[str]:
    """Dotted names of everything a file imports: at its head, inside functions, and for type checking alone."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & MODULES) or {node.module}
            if inner - MODULES:
                found.add(node.module)
    return frozenset(found)


def imports(path: Path) -> set[str]:
    """Top-level names of everything a file imports."""
    return {found.split(".")[0] for found in imported(path)}


def room(module: str) -> int:
    """The place in ROOMS of a module of `ensemble`; files of its first level are the contracts, but for errors."""
    name = module.split(".")[1]
    return ROOMS.index(name if name in ROOMS else "contracts")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_layer_imports_no_layer_above_it(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert not (imports(path) & set(LAYERS)) - LAYERS[package]
    assert not imports(path) & FORBIDDEN.get(package, set())


def test_no_room_of_ensemble_imports_one_above_it() -> None:
    up = [
        f"{module(path)} imports {found}"
        for path in sorted((ROOT / "ensemble").rglob("*.py"))
        for found in sorted(imported(path) & MODULES)
        if found.startswith("ensemble.") and module(path) != "ensemble" and room(found) > room(module(path))
    ]
    assert up == []


def test_no_two_files_import_each_other_not_even_by_a_detour() -> None:
    """What no file imports any more is taken away, again and again; what is left stands in a circle, or leads there."""
    left = {module(path): imported(path) & MODULES - {module(path)} for path in SOURCES}
    while done := {name for name, found in left.items() if not found}:
        left = {name: found - done for name, found in left.items() if name not in done}
    while alone := left.keys() - set().union(*left.values()):  # leads to a circle and is in none
        left = {name: found for name, found in left.items() if name not in alone}
    assert [f"{name} imports {', '.join(sorted(found & left.keys()))}" for name, found in sorted(left.items())] == []


def test_the_first_level_of_ensemble_stays_a_short_list() -> None:
    assert len([path for path in (ROOT / "ensemble").glob("*.py") if path.name != "__init__.py"]) <= 24


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_ray_and_optuna_are_imported_only_where_they_are_used(path: Path) -> None:
    heads = ast.parse(path.read_text(encoding="utf-8")).body
    found = {alias.name for node in heads if isinstance(node, ast.Import) for alias in node.names}
    found |= {node.module or "" for node in heads if isinstance(node, ast.ImportFrom)}
    late = {"optuna"} if name(path) == "ensemble/tuning/journal.py" else set()  # is imported late itself
    assert not {module.split(".")[0] for module in found} & {"ray", "optuna"} - late


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_files_stay_small_and_shallow_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    assert len(path.relative_to(ROOT).parts) <= 3
    assert ast.get_docstring(ast.parse(text)), "a module's first line says what it is"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_functions_fit_on_a_screen(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node, clean=False) or ""
            length = (node.end_lineno or 0) - node.lineno + 1 - len(documented.splitlines())
            assert length <= 45, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_pickle_is_ever_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not imports(path) & {"pickle", "dill", "cloudpickle"} or name(path) in PLAIN_PICKLES
    assert not re.search(r"torch\.load|read_pickle|allow_pickle=True|weights_only=False", text)
    assert not re.search(
        r"import joblib|joblib\.|from joblib import (?!Parallel, delayed, parallel_config$)", text, re.MULTILINE
    )


def test_the_layout_names_every_source_file_and_no_other() -> None:
    layout = (ROOT / "docs" / "layout.md").read_text(encoding="utf-8")
    tree = layout[layout.index("```text\nsetup.cfg") :].split("```")[1]
    named = set(re.findall(r"[\w/.-]+\.(?:py|toml)\b", tree))
    files = {path.name for path in SOURCES if path.name != "__init__.py"}
    files |= {path.name for path in (ROOT / "cli" / "recipes").glob("*.toml")}
    files |= {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    assert files - named == set()
    assert named - files == {"pyproject.toml"}


def test_the_readme_shows_the_commands_that_are_tested() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install . && ensemble demo" in readme
    assert 'pip install ".[test]" && pytest' in readme


def test_every_package_is_installed() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(settings["options"]["packages"].split())
    assert {".".join(path.parent.relative_to(ROOT).parts) for path in SOURCES if path.name == "__init__.py"} <= listed


def test_no_two_files_of_tests_have_one_name() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == [], "pytest would collect only one of them"
