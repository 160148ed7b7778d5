"""The TOML file and --set on top of it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ensemble.config import load_config
from ensemble.errors import ConfigError

TEXT = """
[data]
preset = "csv"
root = "posts"
train = "train.csv"
tasks = { mood = ["bad", "good"] }

[folds]
k = 3

[base.tfidf]
learner = "tfidf"
params = { balance = 0.5 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ensemble.toml"
    path.write_text(TEXT)
    return path


def rewritten(file: Path, old: str, new: str) -> Path:
    assert old in TEXT
    file.write_text(TEXT.replace(old, new))
    return file


def test_what_is_not_said_has_its_default(file: Path) -> None:
    config = load_config(file)
    assert (config.folds.k, config.folds.seed, config.run.seeds) == (3, 0, [0])
    assert config.submit.format == "csv"
    assert config.stack.learners == []


def test_the_preset_gets_every_other_key_of_data(file: Path) -> None:
    assert load_config(file).data.model_extra == {"train": "train.csv", "tasks": {"mood": ["bad", "good"]}}


@pytest.mark.parametrize(
    ("override", "where", "value"),
    [
        ("folds.k=10", ("folds", "k"), 10),
        ("folds.test_fraction=0.2", ("folds", "test_fraction"), 0.2),
        ("run.folder=artifacts/other", ("run", "folder"), Path("artifacts/other")),
        ("run.seeds=[0, 1, 2]", ("run", "seeds"), [0, 1, 2]),
        ("run.keep_models=none", ("run", "keep_models"), "none"),
        ("base.tfidf.params.balance=1e-5", ("base", "tfidf", "params", "balance"), 1e-5),
        ("base.tfidf.params.new=x", ("base", "tfidf", "params", "new"), "x"),
        ("base.other.learner=prior", ("base", "other", "learner"), "prior"),
        ("data.train=my posts=1.csv", ("data", "train"), "my posts=1.csv"),
        (' stack.metrics.mood = "accuracy"', ("stack", "metrics", "mood"), "accuracy"),
    ],
)
def test_set_overrides_the_file(file: Path, override: str, where: tuple[str, ...], value: object) -> None:
    found: Any = load_config(file, [override])
    for key in where:
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    assert found == value
    assert type(found) is type(value)


def test_the_last_of_two_overrides_wins(file: Path) -> None:
    assert load_config(file, ["folds.k=4", "folds.k=7"]).folds.k == 7


printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(-(2**40), 2**40) | st.booleans() | printable)
def test_any_value_can_be_set(file: Path, value: int | bool | str) -> None:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    written = load_config(file, [f"base.tfidf.params.x={text}"]).base["tfidf"].params["x"]
    assert written == value or isinstance(value, str)
    if isinstance(value, str) and value.isalpha() and value not in ("true", "false", "inf", "nan"):
        assert written == value


@pytest.mark.parametrize("override", ["folds.k", "=3", "folds.=3", ""])
def test_an_override_that_is_no_key_and_value_is_refused(file: Path, override: str) -> None:
    with pytest.raises(ConfigError, match=r"--set .* must read key=value, such as folds\.k=10"):
        load_config(file, [override])


def test_an_override_below_a_value_is_refused(file: Path) -> None:
    with pytest.raises(ConfigError, match="'k' is a value, not a table"):
        load_config(file, ["folds.k.deep=1"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("fold.k=3", r"ensemble\.toml: Unknown key 'fold'.* Did you mean 'folds'"),
        ("folds.kk=3", r"Unknown folds key 'kk'"),
        ("base.tfidf.parms.x=3", r"Unknown base\.tfidf key 'parms'\. Did you mean 'params'"),
        ("folds.k=many", r"folds\.k = 'many': must be a whole number"),
        ("run.seeds=[]", r"run\.seeds = \[\]: must have 1 or more entries"),
        ("run.threads=-1", r"run\.threads = -1"),
        ("base.x.params={}", r"base\.x\.learner is missing; it must be set"),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_its_place(file: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(file, [override])


def test_a_missing_preset_is_named(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.preset is missing"):
        load_config(rewritten(file, 'preset = "csv"', ""))


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file: .*ensemble\.toml\. `ensemble init"):
        load_config(tmp_path / "ensemble.toml")


@pytest.mark.parametrize("raw", [b"[data\n", b"[data]\npreset = 'caf\xe9'\n"])
def test_a_file_that_is_not_toml_is_refused(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    with pytest.raises(ConfigError, match=r"ensemble\.toml: not (valid TOML|in UTF-8)"):
        load_config(file)


@pytest.mark.parametrize("name", ["a/b", "..", "a b", "-x", "é"])
def test_a_learner_name_that_is_no_file_name_is_refused(file: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"base learner name .* must be letters"):
        load_config(rewritten(file, "[base.tfidf]", f'[base."{name}"]'))


def test_threads_are_what_is_set_or_all_cores(file: Path) -> None:
    assert load_config(file, ["run.threads=3"]).threads == 3
    assert load_config(file).threads >= 1


def test_threads_are_what_is_set_where_cores_cannot_be_asked_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert load_config(file, ["run.threads=3"]).threads == 3
    assert load_config(file).threads >= 1
