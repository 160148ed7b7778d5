"""What is left out and what is fitted on a sample where rows are many, and the lines that say so."""

import numpy as np
import numpy.typing as npt

from ensemble.targets import Labels

MANY = 100_000  # rows; fitted on 40,000 of 80,000 instead, no candidate's macro-F1 moved by .003
FEW = 100  # rows of a rare class that a sample keeps
# A forest took 28 of 40 seconds of all candidates on 20,000 x 6, 35 of 95 on 7,000 x 150.
CELLS = 500_000  # rows times the learners' columns; far above the tables of MVSA, Memotion and MOSEI
COSTLY = ("random_forest",)


def sample(labels: Labels, kind: str, seed: int, most: int = MANY) -> npt.NDArray[np.int64]:
    """Positions, ascending, of about ``most`` of these known labels, of all where they are no more: every class with
    its share, numbers with their distribution; but of each class FEW at least, or all that there are."""
    if len(labels) <= most:
        return np.arange(len(labels))
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]  # by label, and among equal ones at random
    taken = order[np.linspace(0, len(order) - 1, most).astype(np.int64)]
    if kind == "classification":
        _, starts = np.unique(labels[order], return_index=True)
        taken = np.concatenate([taken, *(each[:FEW] for each in np.split(order, starts[1:]))])
    return np.unique(taken)


def left_out(rows: int, columns: int) -> tuple[str, ...]:
    """The candidates that are tried on so many rows and learners' columns only where they are named."""
    return COSTLY if rows * columns > CELLS else ()


def many_rows_notes(rows: int, columns: int, omitted: tuple[str, ...]) -> list[str]:
    """What a reader should know of it, in sentences."""
    notes = []
    if omitted:
        names = ", ".join(name.replace("_", " ") for name in omitted)
        notes.append(
            f"The {names} was left out, as the costliest candidate on {rows:,} rows x {columns:,} columns; it is tried "
            "where [stack] estimators names it."
        )
    if rows > MANY:
        notes.append(
            f"Of more than {MANY:,} rows candidates are fitted on {MANY:,}, drawn so that classes keep their shares; "
            "scores are of all rows."
        )
    return notes
