"""Probabilities made elsewhere come in after the checks ours pass."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.toys import TOYS
from support.world import SENTIMENT, toy_table

from ensemble.errors import ConfigError, DataError, PredictionsError, StoreError
from ensemble.folds import FoldSettings, make_plan
from ensemble.jobs.importing import import_predictions, undo_import
from ensemble.jobs.job import list_work
from ensemble.jobs.status import status
from ensemble.jobs.train import train
from ensemble.run import Run
from meta.loaded_stack import load_stacks
from meta.stack import stack_task
from meta.table import StackSettings


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(toy_table(30, test_rows=6), {"a": ("hash", {})}, registry=TOYS)


def foreign(run: Run, rows: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """A table as another program might write it: rows and columns in an order of their own."""
    values = np.random.default_rng(seed).dirichlet(np.ones(3), len(rows))
    frame = pd.DataFrame({"positive": values[:, 2], "negative": values[:, 0], "neutral": values[:, 1]})
    return frame.assign(id=run.data.ids[rows], fold=run.plan.fold[rows]).sample(frac=1, random_state=seed)


def write(path: Path, frame: pd.DataFrame) -> Path:
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


def bring_in(
    run: Run, folder: Path, oof: pd.DataFrame, suffix: str = ".csv", name: str = "theirs", unknown_folds: bool = False
) -> dict[str, object]:
    oof_file = write(folder / f"oof{suffix}", oof)
    test_file = write(folder / f"test{suffix}", foreign(run, run.plan.test_rows).drop(columns="fold"))
    return import_predictions(run, name, SENTIMENT, oof_file, test_file, unknown_folds)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_probabilities_are_joined_by_id_and_class_name(run: Run, tmp_path: Path, suffix: str) -> None:
    frame = foreign(run, run.plan.cv_rows)
    record = bring_in(run, tmp_path, frame, suffix)
    assert record["folds"] == "run"
    oof = run.store.base("theirs", "sentiment").read("oof", SENTIMENT)
    expected = frame.set_index("id").loc[run.data.ids[:30], list(SENTIMENT.classes)].to_numpy()
    assert oof.ids.tolist() == run.data.ids[:30].tolist()
    np.testing.assert_allclose(oof.values, expected, atol=1e-7)
    assert run.results.imported(SENTIMENT) == ["theirs"]
    assert run.results.base_record("theirs", SENTIMENT)["oof"]["rows"] == 30
    assert status(run)["imported"] == {"sentiment": ["theirs"]}


def test_renamed_folds_are_the_same_folds(run: Run, tmp_path: Path) -> None:
    frame = foreign(run, run.plan.cv_rows)
    assert bring_in(run, tmp_path, frame.assign(fold=frame["fold"].map({0: "z", 1: "x", 2: "y"})))["folds"] == "run"


def test_other_folds_are_refused_and_the_rows_named(run: Run, tmp_path: Path) -> None:
    frame = foreign(run, run.plan.cv_rows)
    moved = frame["id"].iloc[4]
    frame.loc[frame["id"] == moved, "fold"] = (frame["fold"].iloc[4] + 1) % 3
    with pytest.raises(PredictionsError, match=rf"1 rows are held out with others: '{moved}'.*--unknown-folds"):
        bring_in(run, tmp_path, frame)


@pytest.mark.parametrize(
    "merge", [lambda fold: fold.clip(upper=1), lambda fold: fold * 0, lambda fold: fold * 100 + np.arange(30)]
)
def test_merged_or_split_folds_are_refused(run: Run, tmp_path: Path, merge: Callable[[pd.Series], pd.Series]) -> None:
    frame = foreign(run, run.plan.cv_rows)
    with pytest.raises(PredictionsError, match="its folds are not this run's"):
        bring_in(run, tmp_path, frame.assign(fold=merge(frame["fold"])))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_folds_that_are_not_said_are_refused(run: Run, tmp_path: Path, suffix: str) -> None:
    frame = foreign(run, run.plan.cv_rows).drop(columns="fold")
    with pytest.raises(PredictionsError, match=r"its folds are not said \(no 'fold' column\)"):
        bring_in(run, tmp_path, frame, suffix)


def test_declared_unknown_folds_are_accepted_and_marked(run: Run, tmp_path: Path) -> None:
    frame = foreign(run, run.plan.cv_rows).drop(columns="fold")
    assert bring_in(run, tmp_path, frame, unknown_folds=True)["folds"] == "unknown"
    assert run.results.base_record("theirs", SENTIMENT)["folds"] == "unknown"


def test_what_a_learner_looked_at_is_kept_where_it_is_said(run: Run, tmp_path: Path) -> None:
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows))
    assert run.results.modality("theirs", SENTIMENT) == "unknown"
    record = import_predictions(
        run, "theirs", SENTIMENT, tmp_path / "oof.csv", tmp_path / "test.csv", False, modality="both"
    )
    assert record["modality"] == run.results.modality("theirs", SENTIMENT) == "both"
    with pytest.raises(ConfigError, match=r"Unknown modality 'txt'. Did you mean 'text'\?"):
        import_predictions(run, "t", SENTIMENT, tmp_path / "oof.csv", tmp_path / "test.csv", False, modality="txt")
    assert run.results.imported(SENTIMENT) == ["theirs"]


def test_nobody_knows_what_an_imported_learner_cost(run: Run, tmp_path: Path) -> None:
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows))
    assert run.results.cost("theirs", SENTIMENT) == {
        "seconds": 0.0,
        "features": 0,
        "parameters": None,
        "trainable_parameters": None,
    }


def test_our_own_files_come_back_by_their_metadata(run: Run) -> None:
    train(run, list_work(run, run.specs, run.data.tasks, ()))
    folder = run.store.base("a", "sentiment").path
    import_predictions(run, "copy", SENTIMENT, folder / "oof.parquet", folder / "test.parquet", False)
    for name in ("oof.parquet", "test.parquet"):
        assert (run.store.base("copy", "sentiment").path / name).read_bytes() == (folder / name).read_bytes()


def test_our_own_files_of_another_plan_are_refused(run: Run, make_run: Callable[..., Run]) -> None:
    other = make_run(run.data, {"a": ("hash", {})}, registry=TOYS, folder="other", seed=5)
    train(other, list_work(other, other.specs, other.data.tasks, ()))
    folder = other.store.base("a", "sentiment").path
    with pytest.raises(PredictionsError, match=f"its folds are of another plan \\({other.plan.fingerprint()}\\)"):
        import_predictions(run, "copy", SENTIMENT, folder / "oof.parquet", folder / "test.parquet", False)


def test_missing_rows_are_refused_and_named(run: Run, tmp_path: Path) -> None:
    frame = foreign(run, run.plan.cv_rows)
    with pytest.raises(
        PredictionsError, match=r"oof\.csv: Probabilities for 'sentiment' lack 2 rows: 'post3', 'post9'"
    ):
        bring_in(run, tmp_path, frame[~frame["id"].isin(["post3", "post9"])])


def test_rows_that_are_not_of_the_run_do_no_harm(run: Run, tmp_path: Path) -> None:
    frame = foreign(run, run.plan.cv_rows)
    bring_in(run, tmp_path, pd.concat([frame, frame.head(1).assign(id="stranger", fold=7)]))
    assert run.results.base_record("theirs", SENTIMENT)["oof"]["rows"] == 30


def test_test_rows_must_be_predicted_too(run: Run, tmp_path: Path) -> None:
    oof_file = write(tmp_path / "oof.csv", foreign(run, run.plan.cv_rows))
    with pytest.raises(PredictionsError, match="6 rows are outside the folds; --test FILE must predict them"):
        import_predictions(run, "theirs", SENTIMENT, oof_file, None, False)


def test_without_test_rows_no_test_file_is_needed(make_run: Callable[..., Run], tmp_path: Path) -> None:
    run = make_run(toy_table(30), {}, registry=TOYS)
    oof_file = write(tmp_path / "oof.csv", foreign(run, run.plan.cv_rows))
    assert import_predictions(run, "theirs", SENTIMENT, oof_file, None, False)["folds"] == "run"


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"neutral": 0.9}, PredictionsError, "do not sum to one"),
        ({"neutral": "high"}, PredictionsError, "must be numbers"),
        ({"neutral": None}, PredictionsError, "must be numbers|are not finite"),
    ],
)
def test_what_is_no_probability_is_refused(
    run: Run, tmp_path: Path, changes: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        bring_in(run, tmp_path, foreign(run, run.plan.cv_rows).assign(**changes))


def test_a_missing_class_is_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Unknown column 'neutral'. Did you mean 'neutrall'"):
        bring_in(run, tmp_path, foreign(run, run.plan.cv_rows).rename(columns={"neutral": "neutrall"}))


def test_the_name_of_a_learner_of_ours_is_taken(run: Run, tmp_path: Path) -> None:
    with pytest.raises(PredictionsError, match="'a' is a base learner of the configuration"):
        bring_in(run, tmp_path, foreign(run, run.plan.cv_rows), name="a")


def test_a_cell_that_is_no_number_is_named_with_its_line(run: Run, tmp_path: Path) -> None:
    frame = foreign(run, run.plan.cv_rows).astype({"neutral": object})
    for cell, words in (("high", "holds 'high'"), ("", "holds nothing"), ("0,5", "with a point instead of the comma")):
        frame.iloc[2, frame.columns.get_loc("neutral")] = cell
        with pytest.raises(PredictionsError, match=rf"line 4: 'neutral' .*{words}.* \(1 rows have none\)"):
            bring_in(run, tmp_path, frame)


def test_files_the_wrong_way_round_and_strange_ids_are_named(run: Run, tmp_path: Path) -> None:
    oof_file = write(tmp_path / "o.csv", foreign(run, run.plan.cv_rows))
    test_file = write(tmp_path / "t.csv", foreign(run, run.plan.test_rows))
    with pytest.raises(PredictionsError, match=r"lack 30 rows: .* --oof and --test the wrong way round"):
        import_predictions(run, "theirs", SENTIMENT, test_file, oof_file, False)
    frame = foreign(run, run.plan.cv_rows)
    with pytest.raises(PredictionsError, match=r"lack 30 rows: .* Its own ids are 'post\d+x'"):
        bring_in(run, tmp_path, frame.assign(id=frame["id"] + "x"))


def test_ids_in_another_unicode_form_are_the_same_ids_and_said(
    make_run: Callable[..., Run], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = toy_table(30, test_rows=6)
    run = make_run(data.with_columns(id=[f"caf\u00e9 {n}" for n in range(36)]), {"a": ("hash", {})}, registry=TOYS)
    frame = foreign(run, run.plan.cv_rows)
    bring_in(run, tmp_path, frame.assign(id=[unicodedata.normalize("NFD", row) for row in frame["id"]]))
    assert run.store.base("theirs", "sentiment").read("oof", SENTIMENT).ids.tolist() == run.data.ids[:30].tolist()
    assert "30 ids are spelt otherwise here" in caplog.text


def test_an_import_can_be_undone_and_the_stacks_made_with_it_are_named(run: Run, tmp_path: Path) -> None:
    train(run, list_work(run, run.specs, [SENTIMENT], ()))
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows))
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows), name="other")
    stack_task(run, SENTIMENT, StackSettings(("soft_vote",), ("a", "theirs")))
    with pytest.raises(PredictionsError, match="'a' is a base learner of the configuration"):
        undo_import(run, "a", run.data.tasks)
    with pytest.raises(PredictionsError, match=r"Unknown imported learner 'thiers'\. Did you mean 'theirs'"):
        undo_import(run, "thiers", run.data.tasks)
    assert undo_import(run, "other", run.data.tasks)["stacks"] == []
    assert undo_import(run, "theirs", run.data.tasks)["stacks"] == ["sentiment"]
    assert run.results.imported(SENTIMENT) == [] and not (run.store.root / "base" / "theirs").exists()
    with pytest.raises(PredictionsError, match="'theirs' was not imported for sentiment"):
        undo_import(run, "theirs", run.data.tasks)
    with pytest.raises(StoreError, match=r"made with 'theirs', which is not there any more; run `ensemble stack"):
        load_stacks(run, [SENTIMENT])


@pytest.mark.parametrize("name", ["", "..", "my model", "a/b"])
def test_a_name_that_is_no_folder_name_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    with pytest.raises(PredictionsError, match="must be letters"):
        bring_in(run, tmp_path, foreign(run, run.plan.cv_rows), name=name)


def test_a_second_import_replaces_the_first(run: Run, tmp_path: Path) -> None:
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows))
    before = (run.store.base("theirs", "sentiment").path / "oof.parquet").read_bytes()
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows, seed=1))
    assert (run.store.base("theirs", "sentiment").path / "oof.parquet").read_bytes() != before
    assert run.results.imported(SENTIMENT) == ["theirs"]


def test_an_import_of_another_plan_is_not_used(run: Run, tmp_path: Path) -> None:
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows))
    plan = make_plan(run.data, np.arange(36), FoldSettings(k=3, seed=9))
    other = Run(run.store, plan.with_groups(run.data), plan, TOYS)
    with pytest.raises(StoreError, match=r"is of another run: folds was .*; import it again"):
        other.results.base_record("theirs", SENTIMENT)


def test_a_damaged_import_is_refused(run: Run, tmp_path: Path) -> None:
    bring_in(run, tmp_path, foreign(run, run.plan.cv_rows))
    path = run.store.base("theirs", "sentiment").path / "oof.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match=r"oof\.parquet is damaged .*; import it again"):
        run.results.base_record("theirs", SENTIMENT)
