"""Running the command in this process, and a small configured run on drawn memes."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest
from support import SHARED
from support.shell import SOFT, Ensemble, Outcome

from cli.demo import CONFIG
from cli.main import main

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@pytest.fixture
def ensemble(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ensemble:
    """``ensemble("stack", "--json")`` as in a shell whose current folder is ``tmp_path``."""
    for name in THREADS:
        monkeypatch.setenv(name, "2")  # the command sets these; the fixture puts back what was there

    def call(*arguments: object) -> Outcome:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["ensemble", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit:
            main()
        captured = capsys.readouterr()
        return Outcome(int(exit.value.code or 0), captured.out, captured.err)

    return call


def _write_config(folder: Path, memes: Path, encoders: dict[str, str]) -> Path:
    text = CONFIG.replace('root = "data"', f'root = "{memes}"').replace("threads = 1 ", "")  # here on several
    for kind, place in encoders.items():
        text = text.replace(f"encoders/{kind}", place)
    path = folder / "ensemble.toml"
    path.write_text(text)
    return path


@pytest.fixture
def config(tmp_path: Path, memes: Path, encoders: dict[str, str]) -> Path:
    """The demo's configuration on the shared drawn memes, in a fresh folder."""
    return _write_config(tmp_path, memes, encoders)


@pytest.fixture(scope="session")
def _finished(memes: Path, encoders: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    _write_config(folder, memes, encoders)
    with pytest.MonkeyPatch.context() as patch:
        for name in THREADS:
            patch.setenv(name, "2")
        patch.chdir(folder)
        for command in (("train-base", "-l", "prior", "-l", "tfidf"), ("stack", *SOFT)):
            patch.setattr(sys, "argv", ["ensemble", *command, "--quiet"])
            with pytest.raises(SystemExit) as exit:
                main()
            assert not exit.value.code
    return folder


@pytest.fixture
def finished_config(_finished: Path, tmp_path: Path) -> Path:
    """The same beside a run of ``prior`` and ``tfidf``, finished under a soft vote: trained once, copied for each."""
    shutil.copytree(_finished, tmp_path, dirs_exist_ok=True)
    return tmp_path / "ensemble.toml"


def _real(tmp_path: Path, name: str) -> Path:
    """A recipe's configuration with the stored encoders; images see one view."""
    from cli.recipe import write_recipe

    path = write_recipe(name, tmp_path / name, tmp_path / "ensemble.toml")
    text = path.read_text().replace("views = 10", "views = 1")
    text = text.replace("sentence-transformers/all-MiniLM-L6-v2", str(SHARED / "weights" / "minilm-l6"))
    path.write_text(text.replace("mobilenetv2_100", str(SHARED / "weights" / "mobilenetv2_100")))
    return path


def _first_lines(source: Path, target: Path, lines: int) -> list[str]:
    kept = source.read_text(encoding="utf-8").splitlines()[: lines + 1]
    target.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return kept[1:]


@pytest.fixture
def real_config(tmp_path: Path) -> Path:
    """280 training and 20 test posts of MVSA, copied out of the published folder."""
    source, target = SHARED / "data" / "mvsa", tmp_path / "mvsa"
    (target / "data").mkdir(parents=True)
    for table, lines in (("train.txt", 280), ("test_without_label.txt", 20)):
        for line in _first_lines(source / table, target / table, lines):
            for suffix in (".txt", ".jpg"):
                name = line.split(",")[0] + suffix
                shutil.copy(source / "data" / name, target / "data" / name)
    return _real(tmp_path, "mvsa")


@pytest.fixture
def memotion_config(tmp_path: Path) -> Path:
    """280 training and 20 test posts of Memotion."""
    source, target = SHARED / "data" / "memotion", tmp_path / "memotion"
    (target / "images").mkdir(parents=True)
    for table, rows in (("labels.csv", 280), ("test.csv", 20)):
        kept = pd.read_csv(source / table, dtype=str, keep_default_na=False).head(rows)
        kept.to_csv(target / table, index=False)
        for name in kept["image_name"]:
            shutil.copy(source / "images" / name, target / "images" / name)
    return _real(tmp_path, "memotion")
