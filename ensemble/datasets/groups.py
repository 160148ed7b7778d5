"""Columns of a table that say whose or of what a post is, which no split should divide."""

import re

import pandas as pd

WHOSE = re.compile(
    r"(user|author|account|actor|speaker|subject|singer|person|participant|reviewer|event|thread|conversation|dialogue|"
    r"dialog|session|video|film|movie|episode|show|group)s?([ _-]?(id|name|no|nr|number|key|code))?",
    re.IGNORECASE,
)


def group_notes(table: pd.DataFrame) -> tuple[str, ...]:
    """A line for each column by whose name rows belong together, and by whose values several do."""
    lines = []
    for name in filter(WHOSE.fullmatch, map(str, table)):
        values = table[name].dropna().astype(str).str.strip()  # of lists, too, since nobody asked for this column
        values = values[values != ""]
        if 1 < values.nunique() < len(values):
            lines.append(
                f"column {name!r} has {values.nunique():,} values in {len(values):,} rows: rows of one on both "
                f"sides of a split flatter the scores; data.group = {name!r} (--group {name}) keeps them together"
            )
    return tuple(lines)
