"""Which layer of an encoder serves a learner best, and that nothing is chosen by rows that must not choose."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from support.regressions import MOOD, videos
from support.toys import TOYS, Layered
from support.world import SENTIMENT, toy_table

from ensemble.errors import ConfigError, LearnerError
from ensemble.run import Run
from ensemble.tuning.layers import DEVELOPMENT, NESTED, read_layers, score_layers

MakeRun = Callable[..., Run]


@pytest.fixture
def run(make_run: MakeRun) -> Run:
    Layered.prepared.clear()
    Layered.fits.clear()
    return make_run(videos(), {"toy": ("layered", {"looks_at": ("text", "audio")})}, registry=TOYS)


def test_the_development_part_judges_each_layer_of_each_modality_alone(run: Run) -> None:
    found = score_layers(run, "toy", MOOD)
    assert (found["judged"], found["rows"], found["metric"]) == (DEVELOPMENT, 16, "pearson")
    assert [curve["modality"] for curve in found["curves"]] == ["text", "audio"]
    assert [curve["best"] for curve in found["curves"]] == [3, 3]
    assert [of["layer"] for of in found["curves"][0]["layers"]] == [1, 2, 3, 4, 5]
    assert Layered.prepared == [("text", "audio")], "once for all layers"
    assert sorted(Layered.fits) == sorted((layer, (of,)) for layer in range(1, 6) for of in ("text", "audio"))


def test_without_a_development_part_nothing_of_the_held_out_fold_is_looked_at(make_run: MakeRun) -> None:
    data = videos()
    run = make_run(data.take(data.frame["part"] != "dev"), {"toy": ("layered", {})}, registry=TOYS)
    Layered.seen.clear()
    found = score_layers(run, "toy", MOOD)
    inside = run.data.ids[run.plan.fit_rows(0)]
    assert (found["judged"], found["rows"]) == (NESTED, len(inside)) and found["curves"][0]["best"] == 3
    assert Layered.seen == set(inside)


def test_what_was_fitted_is_not_fitted_again_and_the_metric_may_be_another(run: Run) -> None:
    first = score_layers(run, "toy", MOOD)
    fits = len(Layered.fits)
    again = score_layers(run, "toy", MOOD, metric="mae")
    assert len(Layered.fits) == fits
    assert [curve["best"] for curve in again["curves"]] == [3, 3], "the least error is the best"
    assert [curve["layers"] for curve in again["curves"]] == [curve["layers"] for curve in first["curves"]]


def test_what_is_kept_outlives_another_layer_and_no_other_change(run: Run, make_run: MakeRun) -> None:
    found = score_layers(run, "toy", MOOD)
    assert {**json.loads(json.dumps(found)), "stale": []} == read_layers(run, "toy", MOOD)
    elsewhere = make_run(videos(), {"toy": ("layered", {"layer": 3, "looks_at": ("text",)})}, registry=TOYS)
    kept = read_layers(elsewhere, "toy", MOOD)
    assert kept is not None and len(kept["curves"]) == 2
    changed = make_run(videos(), {"toy": ("layered", {"broken": 9})}, registry=TOYS)
    stale = read_layers(changed, "toy", MOOD)
    assert stale is not None and stale["curves"] == [] and stale["stale"] == ["text", "audio"]
    assert read_layers(replace(run, specs=()), "toy", MOOD) is None


def test_a_curve_whose_learner_can_be_made_no_more_is_stale(run: Run) -> None:
    score_layers(run, "toy", MOOD)
    path = run.store.layers("toy", MOOD.name)
    kept = json.loads(path.read_text())
    kept["curves"][0]["params"]["looks_at"] = []  # as where the one encoder that a learner has left is taken away
    path.write_text(json.dumps(kept))
    found = read_layers(run, "toy", MOOD)
    assert found is not None and found["stale"] == ["text"] and len(found["curves"]) == 1


def test_a_curve_of_what_tuning_has_bettered_since_is_stale(run: Run) -> None:
    def tuned(broken: int) -> Run:
        best = {"params": {"broken": broken}}
        return replace(run, specs=(replace(run.specs[0], tuned=True, best=best),))  # type: ignore[arg-type]

    score_layers(tuned(8), "toy", MOOD)
    kept, bettered = (read_layers(tuned(broken), "toy", MOOD) for broken in (8, 9))
    assert kept is not None and len(kept["curves"]) == 2
    assert bettered is not None and bettered["stale"] == ["text", "audio"]


def test_a_learner_without_layers_and_a_metric_that_does_not_fit_are_refused(make_run: MakeRun) -> None:
    run = make_run(toy_table(30), {"hash": ("hash", {})}, registry=TOYS)
    with pytest.raises(ConfigError, match=r"'hash' has no encoder whose layers could be told apart"):
        score_layers(run, "hash", SENTIMENT)
    with pytest.raises(ConfigError, match=r"Unknown metric 'pearsn'"):
        score_layers(run, "hash", SENTIMENT, metric="pearsn")


def test_a_layer_that_cannot_be_fitted_is_an_error_and_what_is_done_is_kept(make_run: MakeRun) -> None:
    run = make_run(videos(), {"toy": ("layered", {"broken": 4})}, registry=TOYS)
    Layered.fits.clear()
    for _ in range(2):
        with pytest.raises(LearnerError, match=r"layer 4 is broken"):
            score_layers(run, "toy", MOOD)
    assert [layer for layer, _ in Layered.fits] == [1, 2, 3]
    assert not np.any([read_layers(run, "toy", MOOD)])
