"""A binary label that is 1 exactly where a degree is above 0: two predictions, made one by their joint probability."""

from collections.abc import Iterable, Mapping

import numpy as np

from ensemble.data import Codes, Floats
from ensemble.targets import Labels


def decode(binary: Floats, degree: Floats) -> tuple[Codes, Codes]:
    """``(binary, degree)`` labels (rows,) that agree, from (rows, 2) and (rows, degrees) probabilities: of all pairs
    that agree, the one with the greatest product. Neither task overwrites the other."""
    joint = degree * binary[:, np.minimum(np.arange(degree.shape[1]), 1)]
    degrees = np.asarray(joint.argmax(axis=1), dtype=np.int64)
    return np.asarray(degrees > 0, dtype=np.int64), degrees


def decide_together(
    pairs: Iterable[tuple[str, str]], labels: Mapping[str, Labels], adjusted: Mapping[str, Floats]
) -> dict[str, Labels]:
    """The ``labels`` by task, those of linked tasks that are both there decoded from their ``adjusted``
    probabilities."""
    found = dict(labels)
    for binary, degree in pairs:
        if binary in found and degree in found:
            found[binary], found[degree] = decode(adjusted[binary], adjusted[degree])
    return found
