"""Where tokens stand: as a reader counts who goes through them one by one."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from base_models.vlm.positions import positions

PIECES = st.lists(st.sampled_from(["text", "padding", "image"]), min_size=1, max_size=8)


def counted(row: list[str], grid: int | None) -> tuple[list[tuple[int, int, int]], int]:
    """(time, height, width) of each token that counts, and where the next one would stand."""
    found, start = [], 0
    for piece in row:
        if piece == "image":
            side = grid or 2
            for place in range(side**2):
                inside = (0, place // side, place % side) if grid else (place, place, place)
                found.append(tuple(start + step for step in inside))
            start += side if grid else side**2
        elif piece == "text":
            found.append((start, start, start))
            start += 1
    return found, start  # type: ignore[return-value]


@given(st.lists(PIECES, min_size=1, max_size=4), st.sampled_from([None, 1, 2, 3]))
def test_positions_are_those_of_a_reader(rows: list[list[str]], grid: int | None) -> None:
    size = (grid or 2) ** 2
    kinds = [[kind for kind in row for _ in range(size if kind == "image" else 1)] for row in rows]
    longest = max(len(row) for row in kinds)
    kinds = [[*row, *["padding"] * (longest - len(row))] for row in kinds]
    mask = torch.tensor([[kind != "padding" for kind in row] for row in kinds])
    images = torch.tensor([[kind == "image" for kind in row] for row in kinds])
    found, following = positions(mask, images, grid)
    assert found.shape == (mask.shape if grid is None else (3, *mask.shape))
    found = found.expand(3, *mask.shape)
    for number, row in enumerate(rows):
        places, end = counted(row, grid)
        assert [tuple(place) for place in found[:, number, mask[number]].T.tolist()] == places
        assert following[number] == end
