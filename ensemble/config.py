"""The TOML file: its keys, its defaults, ``--set`` on top. Below the command line only plain arguments go on."""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from ensemble.errors import ConfigError, unknown
from ensemble.features import IMAGE_BYTES
from ensemble.registry import validate
from ensemble.search_space import searchable
from ensemble.system.processes import cores

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


HINTS = {
    "\\": "a path is written with / or in single quotes",
    "\u201c": 'quotation marks are straight: "',
    "\u201d": 'quotation marks are straight: "',
}  # by what is in a line that is not TOML
NAMING = "letters, digits, '_', '-' and '.', and not 'stack'"


def is_name(name: str) -> bool:
    """Whether a base learner may be called so: it names a folder, and a row beside the stack's."""
    return bool(NAME.fullmatch(name)) and name.casefold() != "stack"


def _expanded(path: object) -> object:
    if path == "":
        raise ValueError("must not be empty")
    return os.path.expanduser(path) if isinstance(path, str) else path


Place = Annotated[Path, BeforeValidator(_expanded)]  # "~" is the user's own folder


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Data(BaseModel):
    """``preset`` names the layout; every other key is an argument of its adapter. ``slices`` are columns by which the
    report tells scores apart; "language" is told from the texts where there is no such column."""

    model_config = ConfigDict(extra="allow")
    preset: str
    root: Place = Path(".")
    slices: list[str] = []


class Folds(Section):
    """``copies`` "ignore" does not keep copies together. ``file`` (columns id, fold, perhaps group) or ``column`` (of
    the training table) holds a plan that was handed out."""

    k: int = 5
    seed: int = 0
    test_fraction: float = 0.0
    copies: Literal["group", "ignore"] = "group"
    file: str = ""
    column: str = ""


class Run(Section):
    """``threads`` 0 means all cores. ``keep_models`` "none" keeps probabilities only."""

    folder: Place = Path("artifacts/run")
    cache: Place = Path("artifacts/cache")
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[0], min_length=1)
    threads: int = Field(default=0, ge=0)
    keep_models: Literal["none", "best"] = "best"
    image_bytes: int = Field(default=IMAGE_BYTES, ge=0)

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("seeds must differ from one another")
        return seeds


class Base(Section):
    """One base learner; the table's name is its name in every report. ``tuned`` takes what `ensemble tune` found."""

    learner: str
    params: dict[str, object] = {}
    tuned: bool = False


class Tune(Section):
    """How one base learner is tuned. ``folds`` "nested" splits the rows of all folds but the first anew, so that the
    first stays unseen; a number takes so many of the run's folds, "all" takes all. ``prune`` ends hopeless trials.
    ``storage`` is a database's URL ($NAME is read from the environment), else a file in the run folder; it may hold a
    password, so it is not written down. ``space`` replaces the learner's own."""

    trials: int = Field(default=30, ge=1)
    seed: int = Field(default=0, ge=0)
    folds: str | int = "nested"
    prune: bool = True
    storage: str = Field(default="", exclude=True)
    space: dict[str, object] = {}

    @field_validator("folds")
    @classmethod
    def _named(cls, folds: str | int) -> str | int:
        if folds not in ("nested", "all") and not (isinstance(folds, int) and folds > 0):
            raise ValueError(f"must be 'nested', 'all', or a number of folds, got {folds!r}")
        return folds

    @field_validator("space")
    @classmethod
    def _searchable(cls, space: dict[str, object]) -> dict[str, object]:
        return searchable(space)


class Stack(Section):
    """``estimators`` and ``learners`` empty mean all, but for a random forest on very many rows, which must be named.
    ``calibrate`` fits a temperature per learner before stacking (not of numbers, which have none), ``related`` shows
    the candidates what the learners say of the other tasks of its kind."""

    estimators: list[str] = []
    learners: list[str] = []
    calibrate: bool = False
    related: bool = False
    metrics: dict[str, str] = {}


class Submit(Section):
    """``positive`` names a binary task's positive class where its name does not tell. ``template`` is a line of a
    format of your own, with {id}, {TASK} (the label) and {TASK:CLASS} (a probability); ``header`` stands above it."""

    format: str = "csv"
    positive: dict[str, str] = {}
    template: str = ""
    header: str = ""
    file: str = ""

    @model_validator(mode="after")
    def _one_format(self) -> "Submit":
        if self.template and "format" in self.model_fields_set:
            raise ValueError("has a format and a template; leave out one of them")
        if not self.template and (self.header or self.file):
            raise ValueError("header and file belong to a template, and there is none")
        if any(mark in part for part in (self.template, self.header) for mark in "\r\n"):
            raise ValueError("template and header are one line each")
        if Path(self.file).name != self.file:
            raise ValueError(f"file must be a name without a folder, got {self.file!r}")
        return self


class Config(Section):
    data: Data
    folds: Folds = Folds()
    run: Run = Run()
    base: dict[str, Base] = {}
    tune: dict[str, Tune] = {}
    stack: Stack = Stack()
    submit: Submit = Submit()

    @property
    def threads(self) -> int:
        return self.run.threads or cores()


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """The checked configuration; raises ConfigError naming file, key and what would be right."""
    values = _read(path)
    try:
        return make_config(values, overrides)
    except ConfigError as error:
        raise error if str(error).startswith("--set ") else ConfigError(f"{path}: {error}") from error.__cause__


def make_config(values: dict[str, Any], overrides: Sequence[str] = ()) -> Config:
    """The checked configuration of these sections, which overrides change in place; raises ConfigError naming the key
    and what would be right."""
    for override in overrides:
        apply_override(values, override)
    submit = values.get("submit")
    if isinstance(submit, dict) and str(submit.get("template", "none")).strip() == "":  # a run's record has it so
        raise ConfigError("submit: template is empty; it must be a line such as '{id},{TASK}'.")
    config: Config = validate(Config, values, "")
    _check_names(config)
    return config


def _read(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; -c names a configuration file.")
    if not path.is_file():
        what = f"{path} is a symbolic link that leads nowhere" if path.is_symlink() else f"No such file: {path}"
        raise ConfigError(f"{what}. `ensemble init PRESET --root DIR` writes one.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not in UTF-8; save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        wrong = text.splitlines()[int(found[1]) - 1].strip()[:100] if found else ""
        hint = next((hint for mark, hint in HINTS.items() if mark in wrong), "")
        raise ConfigError(f"{path}: not valid TOML: {error}{wrong and f': {wrong}'}{hint and f' ({hint})'}.") from error


def _check_names(config: Config) -> None:
    for name in config.tune:
        if name not in config.base:
            raise ConfigError(f"tune.{name}: {unknown('base learner', name, config.base)}")
    for name in config.base:
        if not is_name(name):
            raise ConfigError(f"base learner name {name!r} must be {NAMING}.")
    folded = [name.casefold() for name in config.base]
    if len(set(folded)) < len(folded):
        raise ConfigError(f"base learners {list(config.base)} differ in case only; some file systems do not tell.")


def apply_override(values: dict[str, Any], override: str) -> None:
    """``base.vit.params.lr=1e-5``: the value is read as TOML, or as a plain string where it is not TOML."""
    key, equals, text = override.partition("=")
    *tables, last = key.strip().split(".")
    if not equals or not last:
        raise ConfigError(f"--set {override!r} must read key=value, such as folds.k=10.")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override!r}: {table!r} is a value, not a table.")
    try:
        values[last] = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        values[last] = text
