"""On how many rows the strength of a penalty is chosen."""

from collections.abc import Sequence

import numpy as np

from ensemble.data import Codes
from ensemble.folds import stratified_group_split

# Fit rows. scikit-learn's C weighs a sum over rows, so what is best hardly depends on how many there are: of
# drawn texts a fifth takes the same one. Whole published sets of memes and of videos lie below.
SEARCHED = 25_000


def searched_rows(strata: Sequence[Codes], counts: Sequence[int], groups: Codes, seed: int) -> Codes:
    """Positions of the fit rows to choose by: all, or of more than SEARCHED so many, groups whole, each stratum with
    its share, and with one group at least."""
    if len(groups) <= SEARCHED:
        return np.arange(len(groups))
    share = SEARCHED / len(groups)
    return np.flatnonzero(stratified_group_split(strata, counts, groups, [share, 1 - share], seed) == 0)


def search_note(rows: int) -> str:
    """What a record says of a search among so many fit rows; nothing where all were looked at."""
    return f"the strength is chosen on {SEARCHED:,} of {rows:,} fit rows" if rows > SEARCHED else ""
