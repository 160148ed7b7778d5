"""Which columns of a table of new posts are looked at: as named, as in the run's own table, or by their plain names."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from ensemble.datasets.media import FIELD
from ensemble.errors import DataError, some
from ensemble.modalities import BOTH, MODALITIES, get_modality

log = logging.getLogger("ensemble")
Columns = Mapping[str, str | list[str]]  # by "id" or modality; files may also be named by patterns
Sources = Mapping[str, tuple[str, ...]]


def find_columns(
    path: Path, table: pd.DataFrame, named: Mapping[str, str], usual: Columns, needed: Collection[str] | None
) -> Sources:
    """A column, or patterns, for "id" (nothing where the table has none) and for each modality that is read; nothing
    for one that another carries and that is left out, so that it is not carried. What is assumed, and what is left out,
    is said.

    Raises DataError where there is nothing of what is ``needed`` (default: text, image, and what else the table has).
    """
    sources = {kind: _sources(table, kind, named, usual) for kind in ("id", *MODALITIES)}
    needed = _usually_needed(sources) if needed is None else needed
    carried = _carried(path, sources, named, usual, needed)
    sources |= {kind: sources[carrier] for kind, carrier in carried.items()}
    _say_what_is_read(path, table, sources, named, usual, {*needed, *carried.values()})
    kinds = [kind for kind in MODALITIES if kind in needed and sources[kind] and carried.get(kind) not in needed]
    left_out = [one for kind in kinds for one in get_modality(kind).carries if one not in needed or one in named]
    return {"id": sources["id"], **dict.fromkeys(left_out, ()), **{kind: sources[kind] for kind in kinds}}


def _candidates(kind: str, named: Mapping[str, str], usual: Columns) -> list[tuple[str, ...]]:
    """What may tell an id or a modality, the first that is there: a column each, or patterns."""
    given = [named[kind]] if kind in named else [usual.get(kind, kind), kind]
    found = [(one,) if isinstance(one, str) else tuple(one) for one in given if one]
    return list(dict.fromkeys(found))


def _sources(table: pd.DataFrame, kind: str, named: Mapping[str, str], usual: Columns) -> tuple[str, ...]:
    """The first candidate whose columns the table has; nothing where it has none."""
    for sources in _candidates(kind, named, usual):
        patterns = [FIELD.findall(source) for source in sources]
        columns = {name for names in patterns for name in names} - {"id"} if any(patterns) else set(sources)
        if columns <= set(table.columns):
            return sources
    return ()


def _usually_needed(sources: Sources) -> list[str]:
    """Text and image, what else the table has, and what that carries."""
    there = [name for name in MODALITIES if name in BOTH or sources[name]]
    carried = {one for name in there for one in get_modality(name).carries}
    return [name for name in MODALITIES if name in there or name in carried]


def _carried(
    path: Path,
    sources: Sources,
    named: Mapping[str, str],
    usual: Columns,
    needed: Collection[str],
) -> dict[str, str]:
    """Needed modalities without a column of their own, by name of the one that carries them: a video's own sound."""
    carried = {one: name for name in MODALITIES for one in get_modality(name).carries if sources[name]}
    carried = {one: name for one, name in carried.items() if one in needed and one not in named and not sources[one]}
    for one, name in carried.items():
        if one in usual:
            plural = get_modality(one).plural
            log.warning("%s has no column of %s, so the %s in its %ss serve.", path, plural, plural, name)
    return carried


def _say_what_is_read(
    path: Path,
    table: pd.DataFrame,
    sources: Sources,
    named: Mapping[str, str],
    usual: Columns,
    needed: Collection[str],
) -> None:
    """A line each on what is there and not looked at, and what is looked for and not there; raises DataError where that
    is all."""
    plural = {kind: get_modality(kind).plural for kind in MODALITIES}
    ignored = [plural[kind] for kind in MODALITIES if kind not in needed and (sources[kind] or named.get(kind))]
    if ignored:
        log.warning("No stacked learner looks at %s, so they are left out.", " or ".join(ignored))
    lacking = [kind for kind in MODALITIES if kind in needed and not sources[kind]]
    sought = [kind for kind in lacking if named.get(kind) != ""]
    names = [source for kind in sought for found in _candidates(kind, named, usual) for source in found]
    said = f"{path} has no column of {' or '.join(plural[kind] for kind in sought)} (looked for {some(names, 8)})"
    if lacking and len(lacking) == len(set(needed)):
        said = said if sought else f"{path}: --column leaves out all that the stacked learners look at"
        sign = {name.casefold() for name in names}
        near = next((name for name in map(str, table.columns) if name.casefold() in sign), "NAME")
        raise DataError(f"{said}; it has {some(table.columns, 8)}; --column {lacking[0]}={near} names one.")
    if sought:
        log.warning("%s, so its posts are judged without.", said)
