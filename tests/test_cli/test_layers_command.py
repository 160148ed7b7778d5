"""`ensemble layers` as a user types it."""

import json
from pathlib import Path

import pytest
from support.shell import Ensemble

from cli.layers import BAR, print_layers
from ensemble.tuning.layers import DEVELOPMENT, LayerCurve, LayerCurves

LAYERS = ("layers", "text", "--task", "sentiment")


def test_each_layer_has_its_bar_and_the_rows_that_judged_are_named(
    ensemble: Ensemble, config: Path, tmp_path: Path
) -> None:
    found = ensemble(*LAYERS)
    assert found.code == 0, found.err
    assert "text, sentiment, text alone: macro_f1 by layer" in found.out and "\N{FULL BLOCK}" * BAR in found.out
    said = " ".join(found.out.split())
    assert "in folds inside the fit rows of fold 0" in said and "no test row had a part in it" in said
    assert max(map(len, found.out.splitlines())) <= 100
    kept = json.loads((tmp_path / "run" / "tune" / "text" / "sentiment" / "layers.json").read_text())
    assert kept == json.loads(ensemble(*LAYERS, "--json").out)["tasks"][0]


def test_a_learner_without_layers_is_refused_in_one_line(ensemble: Ensemble, config: Path) -> None:
    refused = ensemble("layers", "tfidf")
    assert refused.code == 2 and "'tfidf' has no encoder whose layers could be told apart" in refused.err
    assert ensemble("layers", "txet").code == 2


def curves(values: list[float | None], best: int | None) -> LayerCurves:
    scores = {
        layer: {"value": value, "low": None, "high": None} if value is None else {"value": value}
        for layer, value in enumerate(values, 1)
    }
    layers = [
        {"layer": layer, "card": {"rows": 9, "metric": "mae", "metrics": {"pearson": of, "mae": {"value": 1.0}}}}
        for layer, of in scores.items()
    ]
    curve = LayerCurve(modality="audio", params={}, made_of="", best=best, layers=layers)  # type: ignore[typeddict-item]
    return LayerCurves(
        learner="uegd", task="mood", metric="pearson", judged=DEVELOPMENT, rows=9, seed=3, curves=[curve]
    )


def test_what_is_worse_than_nothing_and_what_has_no_score_have_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    print_layers({"tasks": [curves([-0.2, None, 0.1, 0.4], 4), curves([None], None)]})
    printed = capsys.readouterr().out
    bars = [line.count("\N{FULL BLOCK}") for line in printed.splitlines() if line[:1].isdigit()]
    assert bars == [0, 0, round(BAR / 4), BAR, 0]
    said = " ".join(printed.split())
    assert "audio 4 of 4, the last" in said and "audio none has a score" in said
    assert "fit rows of fold 0 with seed 3, judged by the development part, 9 rows" in said
