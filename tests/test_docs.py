"""What README and docs/ say is so: examples load, links lead somewhere, quoted messages are ones the code has."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

from base_models import LEARNERS
from base_models.tiny import make_image_encoder, make_text_encoder
from cli.memes import draw_memes
from ensemble.data import Dataset
from ensemble.learner_factory import make_learner

GENERATED = {"commands", "learners", "configuration", "stacking", "recipes", "api"}  # by docs/written_reference.py
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if path.parent.name != "reference" and "_build" not in path.parts
)


def page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """A page without its code."""
    return re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_every_example_of_a_configuration_is_valid(path: Path) -> None:
    for text in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
        for name, base in tomllib.loads(text).get("base", {}).items():
            make_learner(LEARNERS, base["learner"], base.get("params", {}), name)


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_links_lead_to_pages_and_headings_that_are_there(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if "://" in target:
            assert re.fullmatch(r"https://[\w.-]+(/[\w./#?=&%-]*)?", target), target
            continue
        file, _, anchor = target.partition("#")
        linked = (path.parent / file).resolve() if file else path
        if linked.parent == ROOT / "docs" / "reference":
            assert linked.stem in GENERATED, f"{target} of {path.name}"
            continue
        assert linked.exists(), f"{target} of {path.name} leads nowhere"
        assert not anchor or anchor in anchors(linked), f"{target} of {path.name}: there is no such heading"


def anchors(path: Path) -> set[str]:
    """The headings of a page as links name them."""
    found = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in found}


def test_every_page_of_the_site_is_in_its_index() -> None:
    docs = ROOT / "docs"
    listed = set(re.findall(r"^([\w/-]+)$", (docs / "index.md").read_text(encoding="utf-8"), flags=re.MULTILINE))
    pages = {str(path.relative_to(docs).with_suffix("")) for path in PAGES if path.is_relative_to(docs)}
    assert listed == (pages - {"index"}) | {f"reference/{name}" for name in GENERATED}


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_quoted_messages_are_those_of_the_code() -> None:
    said = "\n".join(sorted(_sentences()))
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| .+ \| .+ \|$", page, flags=re.MULTILINE)
    quoted = [row[1:-1] for row in rows if row.startswith("`")]
    assert len(quoted) > 40
    for message in quoted:
        parts = map(re.escape, message.split("…"))
        assert re.search("[^\n]*".join(parts), said), f"no message reads {message!r}"


def _sentences() -> Iterator[str]:
    """Every text in the code, one a line; what is put into it is a mark."""
    for package in ("ensemble", "base_models", "meta", "cli"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else "\x00" for part in node.values]
                    yield "".join(map(str, parts)).replace("\n", " ")
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value.replace("\n", " ")


def test_the_learner_that_contributing_shows_is_one(posts: Dataset, tmp_path: Path) -> None:
    """It trains for all tasks and rows with anything missing, and comes back from its folder with the same bits."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    made: dict[str, type] = {}
    exec(code, made)
    for task in posts.tasks:
        learner, again = made["Exclaims"](most=2), made["Exclaims"](most=2)
        learner.fit(posts, task, 0)
        learner.save(tmp_path)
        again.load(tmp_path)
        found = learner.predict_proba(posts)
        assert found.shape == (len(posts), len(task.classes)) and np.allclose(found.sum(axis=1), 1)
        assert np.array_equal(found, again.predict_proba(posts))


@pytest.mark.example
def test_the_lines_of_the_readme_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they stand there, but for the encoders, which are tiny here."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    printed = re.findall(r"```text\n(.*?)```", readme, flags=re.DOTALL)[0]
    captions = draw_memes(tmp_path / "artifacts" / "demo" / "data", 80)
    text = str(make_text_encoder(tmp_path / "text", captions))
    image = str(make_image_encoder(tmp_path / "image"))
    code = code.replace('"sentence-transformers/all-MiniLM-L6-v2"', f'{text!r}, "max_length": 64')
    monkeypatch.chdir(tmp_path)
    exec(code.replace('"mobilenetv2_100"', repr(image)), {})
    said = capsys.readouterr().out
    assert len(said.splitlines()) == len(printed.splitlines())
    assert said.splitlines()[0].split() == printed.splitlines()[0].split()
    assert (tmp_path / "artifacts" / "mine" / "report.html").is_file()
