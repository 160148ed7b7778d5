"""Posts whose images are noise of any shape, for what looks at pixels closely."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ensemble.content.scan import scan
from ensemble.data import Dataset
from support.world import SENTIMENT, picture

SHAPES = ((96, 96), (120, 64), (40, 200), (33, 57), (300, 90), (64, 64), (80, 71), (59, 97), (150, 150), (44, 45))


def photographed(
    folder: Path, shapes: Sequence[tuple[int, int]] = SHAPES, labels: Sequence[str] = SENTIMENT.classes, seed: int = 0
) -> Dataset:
    """A scanned post per (width, height), labelled in turn; images lie in ``folder`` as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for row, (width, height) in enumerate(shapes):
        picture(width, height, seed + row).save(folder / f"{row}.png")
    rows = range(len(shapes))
    frame = pd.DataFrame({"id": [f"post{row}" for row in rows], "image": [f"{row}.png" for row in rows]}, dtype=object)
    turns = [labels[row % len(labels)] for row in rows]
    return scan(Dataset(frame.assign(text=None, part="train", sentiment=turns), folder, (SENTIMENT,)))[0]


def blind(data: Dataset, rows: Sequence[int]) -> Dataset:
    """The same posts, these rows without their image."""
    gone = data.frame.index.isin(rows)
    return data.with_columns(**{name: data.frame[name].mask(gone, None) for name in ("image", "image_hash")})
