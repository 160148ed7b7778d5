"""Images as sequences of one state, under the encoders that see the frames of videos."""

from pathlib import Path

import numpy as np

from base_models.sequences.frames import SHRUNK, File, FrameEncoder, Shown
from base_models.visual.views import Preprocessing, covered, make_views
from ensemble.content.images import Unreadable, open_image


class PictureEncoder(FrameEncoder):
    """``model`` is named as that of a FrameEncoder; an image is its one frame, seen whole."""

    modality = "image"
    contents = "images"
    block = 128

    def __init__(self, model: str) -> None:
        super().__init__(model)

    def _decode(self, preprocessing: Preprocessing, file: File) -> Shown | None:
        path: Path = file[0]
        try:
            picture = open_image(path, draft=SHRUNK * round(max(covered(preprocessing, 1))))
        except Unreadable:
            return None
        return make_views(picture, preprocessing, 1), np.ones(1, dtype=bool)
