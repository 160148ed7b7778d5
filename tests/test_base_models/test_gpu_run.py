"""The prepared run on a GPU: on a CPU every part of it runs, whatever is not installed, and none ends the others."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from support import ROOT

pytestmark = pytest.mark.alone

BENCHMARKS = ROOT / "benchmarks"
MISSING = "pydantic pydantic_core pyarrow av h5py charset_normalizer py3langid sacremoses skops xgboost typer optuna"
CHILD = """
import json, os, sys, time
for part in sys.argv[1:]:
    print(json.dumps({"part": part, "table": "speeds", "row": {"network": part, "speed": 1.5}}), flush=True)
    if part == "dies":
        os._exit(3)
    if part == "hangs":
        time.sleep(60)
    print(json.dumps({"part": part, "done": True}), flush=True)
"""


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_a_part_that_dies_or_hangs_is_left_out_and_the_rest_goes_on(
    benchmarks: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import gpu

    def start(parts: list[str], ask: argparse.Namespace) -> "subprocess.Popen[str]":
        return subprocess.Popen([sys.executable, "-c", CHILD, *parts], stdout=subprocess.PIPE, text=True)

    monkeypatch.setattr(gpu, "_start", start)
    monkeypatch.setattr(gpu, "BUDGETS", {"first": 60, "dies": 60, "hangs": 1.0, "last": 60})
    lines = list(gpu.watched(list(gpu.BUDGETS), argparse.Namespace(seconds=60, patience=1)))
    assert [line["row"]["network"] for line in lines if "row" in line] == ["first", "dies", "hangs", "last"]
    assert {line["part"]: line["error"] for line in lines if "error" in line} == {
        "dies": "took its process with it (exit code 3)",
        "hangs": "took longer than it may",
    }
    gpu.print_tables(lines)
    printed = capsys.readouterr().out
    assert "first    1.5" in printed and "! hangs: took longer than it may" in printed


def test_when_no_time_is_left_that_is_said_of_every_part(benchmarks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import gpu

    process: Any = subprocess.Popen
    monkeypatch.setattr(
        gpu, "_start", lambda *_: process([sys.executable, "-c", CHILD, "hangs"], stdout=subprocess.PIPE, text=True)
    )
    lines = list(gpu.watched(["llava", "blip2", "clip"], argparse.Namespace(seconds=1.0, patience=1)))
    assert [line["part"] for line in lines if "error" in line] == ["llava", "blip2", "clip"]


def test_models_without_pydantic_have_the_same_fields_and_defaults(benchmarks: None) -> None:
    import stand_ins

    class Usual(stand_ins.BaseModel):
        model_config: ClassVar[dict[str, object]] = {"frozen": True}
        rate: Annotated[float, stand_ins.Field(gt=0)] = 0.1
        decay: float = stand_ins.Field(default=0.0, ge=0)

    class Own(Usual):
        rate: Annotated[float, stand_ins.Field(gt=0)] = 0.3

    own = Own(decay=0.5)
    assert (own.rate, own.decay, Usual().decay) == (0.3, 0.5, 0.0) and own.model_fields_set == {"decay"}
    changed = own.model_copy({"rate": 1.0})
    assert changed.model_dump() == {"rate": 1.0, "decay": 0.5} and own.rate == 0.3
    with pytest.raises(TypeError, match="Own has no rates"):
        Own(rates=1)


@pytest.mark.slow
def test_every_part_runs_to_its_end_where_packages_are_missing(tmp_path: Path) -> None:
    said = tmp_path / "said.jsonl"
    command = [sys.executable, str(BENCHMARKS / "gpu.py"), "--tiny", "--output", str(said)]
    command += ["--seconds", "3000", "--patience", "9", "--without", *MISSING.split()]
    outcome = subprocess.run(command, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    lines = [json.loads(line) for line in said.read_text().splitlines()]
    assert {"pydantic", "av", "pyarrow"} <= set(lines[0]["stand_ins"])
    assert len([line for line in lines if line.get("done")]) == 11
    rows = [line["row"] for line in lines if "row" in line]
    assert [row["note"] for row in rows if "note" in row] == []
    halved = [row for row in rows if "rows at once, halved" in row]
    assert halved and all(row["steps repeated, halved"] == 1 for row in halved)
    assert all(row["steps repeated, remembered"] == 0 for row in halved)
    assert [row["equal to the bit"] for row in rows if "equal to the bit" in row] == [True]
