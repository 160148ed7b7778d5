"""The examples run and print what their headers say."""

import re
import runpy
import sys
from pathlib import Path

import pytest
from support import ROOT

EXAMPLES = ROOT / "examples"
pytestmark = pytest.mark.example


@pytest.fixture
def run_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What an example prints, run as its header says."""

    def run(name: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setattr(sys, "argv", [name, str(tmp_path / "made")])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


def score(printed: str, name: str) -> float:
    """The first score of a row of the frames that examples print."""
    return float(re.search(rf"^ *(?:\w+ +)?{name} +\w+ +([\d.]+)", printed, flags=re.MULTILINE)[1])


def test_competition(run_example) -> None:
    printed = run_example("competition")
    assert score(printed, "stack") > score(printed, "majority class")
    header, *rows = printed.split("\n\n")[-1].splitlines()
    assert header == "name,sentiment,sarcasm_probability"
    assert all(re.fullmatch(r"meme_\d+\.\w+,(negative|neutral|positive),[\d.e-]+", row) for row in rows) and rows


def test_research_table(run_example) -> None:
    printed = run_example("research_table")
    assert printed.count("\n| ") == 4 and "| stack |" in printed
    assert Path(printed.rsplit("Report: ", 1)[1].strip()).is_file()


def test_moderation(run_example) -> None:
    printed = run_example("moderation")
    assert "$ ensemble thresholds" in printed and "precision" in printed
    assert "review" in printed.splitlines()[-1] + printed.splitlines()[-2] + printed.splitlines()[-3]


def test_own_probabilities(run_example) -> None:
    printed = run_example("own_probabilities")
    assert "imported, 105 rows, folds: run" in printed
    assert score(printed, "stack") >= max(score(printed, "bayes"), score(printed, "image"))


def test_own_learner(run_example, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = EXAMPLES / "own_learner"
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("site.getsitepackages", lambda: [str(folder)])
    printed = run_example("own_learner/train")
    assert score(printed, "lengths") > 0 and "Not allowed: " in printed and "allow=['lengths']" in printed
    assert "Allowed: {'" in printed


def test_regression_with_sound(run_example) -> None:
    printed = run_example("regression_with_sound")
    assert score(printed, "tone") < score(printed, "words") - 0.2, "the tone decides in these films"
    assert "Three new clips: [" in printed


def test_every_example_is_run_here_and_says_what_it_shows() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    for path in EXAMPLES.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "def main(" in text:
            assert f'run_example("{path.relative_to(EXAMPLES).with_suffix("")}")' in here
            assert all(word in text for word in ("Shows: ", "Prints: ", "python examples/"))
