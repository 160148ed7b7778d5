"""What of its frames a network of videos sees: the largest face of each, looked for once per clip."""

import logging
from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from base_models.parameters import FaceChoice
from base_models.weights import checkpoint_file
from ensemble.blocks import Features, Ragged
from ensemble.content.clips import MAX_SECONDS
from ensemble.content.frames import read_frames
from ensemble.content.images import Unreadable, open_image
from ensemble.data import Dataset
from ensemble.errors import LearnerError
from ensemble.features import FeatureCache
from ensemble.modalities import get_modality
from ensemble.system.files import fingerprint, known_hash

if TYPE_CHECKING:
    from base_models.faces.networks import MTCNN

SIZE = 256  # pixels of a face's sides
READ = 720  # of the shorter side of the frames that are cut, as published
SIDE = 360  # of those in which faces are looked for: a fourth of the time
LONGEST = 4 * SIDE
BLOCK = 16  # clips
FRAMES_AT_ONCE = 16
SOUGHT = 1  # of our own handling; raise it when the same clip has other boxes
NOTHING = np.zeros((0, 5), dtype=np.float32)

log = logging.getLogger("ensemble")


def check_faces(faces: FaceChoice, detector: str | None, margin: int) -> None:
    """Raises LearnerError where they do not go together."""
    if faces == "mtcnn" and detector is None:
        raise LearnerError(
            'faces = "mtcnn" needs detector, the path of a .safetensors file of MTCNN\'s three networks; without one, '
            'faces = "none" looks at whole frames, and "given" says that each frame is a face.'
        )
    if faces != "mtcnn" and detector is not None:
        raise LearnerError(f'detector is set, and faces = "{faces}" looks for none: set faces = "mtcnn".')
    if faces != "mtcnn" and margin:
        raise LearnerError(f'face_margin is set, and faces = "{faces}" looks for none: set faces = "mtcnn".')


class Faces:
    """The pictures of a frame encoder: of videos, of their first ``seconds``, at ``fps`` frames a second, or of images.

    ``faces`` "mtcnn": the largest face of each frame, found by the networks of the file ``detector``, with ``margin``
    of its 256 pixels around it. "given": the frame, which is a face. Both are squeezed to 256 x 256 pixels, as
    published. "none": the frame as it is.
    """

    def __init__(
        self,
        faces: FaceChoice,
        detector: str | None,
        fps: float,
        cache: FeatureCache,
        margin: int = 0,
        modality: Literal["video", "image"] = "video",
        seconds: float = MAX_SECONDS,
    ) -> None:
        check_faces(faces, detector, margin)
        self.faces = faces
        self.detector = detector
        self.fps = fps
        self.cache = cache
        self.margin = margin
        self.modality = modality
        self.seconds = seconds

    @property
    def identity(self) -> list[object]:
        """What decides the pictures beside the frames, for an encoder's fingerprint; nothing for whole frames."""
        if self.faces == "none":
            return []
        return [self.faces, SIZE, *([self._key, self.margin] if self.detector else [])]

    def sources(self) -> list[Path]:
        """The file of the detector, where there is one."""
        return [checkpoint_file(self.detector)] if self.detector else []

    def check(self) -> None:
        """Raises LearnerError where the detector cannot be loaded."""
        if self.detector:
            self._networks()

    def fill(self, data: Dataset) -> None:
        """Look for the faces of every clip that the cache does not know, and say how many frames have none, once of
        each clip: parts of what was counted before are passed over."""
        self.seek(data)
        found = self.count(data)
        if not found.get("frames_without_face"):
            return
        told, clips = _told(self._key), {key for key in data.keys(self.modality) if key is not None}
        if not clips <= told:
            told |= clips
            log.warning(
                "{frames_without_face:,} of {frames:,} frames show no face and count as nothing; in "
                "{clips_without_face:,} of {clips:,} ".format(**found)
                + f"{self._plural} none does."
            )

    def seek(self, data: Dataset) -> None:
        """The same without a word."""
        if self.detector:
            paths = [data.root / (cell or "") for cell in data.cells(self.modality)]
            label = f"blocks of {BLOCK} {self._plural} searched for faces"
            self.cache.fill(self._key, data.keys(self.modality), partial(self._search_all, paths), BLOCK, label)

    def count(self, data: Dataset) -> dict[str, int]:
        """For a job's record, each content once: ``clips`` (images are clips of one frame), their ``frames``,
        ``frames_without_face``, and ``clips_without_face`` in any frame. Nothing where faces are not looked for."""
        if not self.detector:
            return {}
        keys = sorted({key for key in data.keys(self.modality) if key is not None})
        shown = [found[:, 4] > 0 for found in self.cache.find(self._key, keys) if found is not None]
        return {
            "clips": len(shown),
            "frames": sum(map(len, shown)),
            "frames_without_face": sum(int((~each).sum()) for each in shown),
            "clips_without_face": sum(not each.any() for each in shown),
        }

    def __call__(self, key: str | None, pictures: Sequence[Image.Image]) -> list[Image.Image | None]:
        """What is shown of each frame of the content of that key, None where no face is: RGB, 256 x 256 pixels unless
        whole frames are. ``pictures`` are its frames at ``fps`` before ``seconds``, of any size; READ is as published.
        """
        if self.faces == "none":
            return list(pictures)
        if self.faces == "given":
            return [_squeezed(picture, (0, 0, *picture.size)) for picture in pictures]
        boxes = self.cache.find(self._key, [key])[0]
        if boxes is None or len(boxes) < len(pictures):
            raise LearnerError(
                f"Faces were looked for in {0 if boxes is None else len(boxes)} frames of a {self.modality} that has "
                f"{len(pictures)} now; run the command again."
            )
        pairs = zip(pictures, boxes, strict=False)  # larger frames may be read less far
        return [_cut(picture, box, self.margin) if box[4] else None for picture, box in pairs]

    @property
    def _plural(self) -> str:
        return get_modality(self.modality).plural

    @property
    def _key(self) -> str:
        """The cache's name of what decides the boxes."""
        networks = [known_hash(path) for path in self.sources()]
        frames = [float(self.fps), float(self.seconds)] if self.modality == "video" else []
        return "faces-" + fingerprint([SOUGHT, SIDE, networks, *frames])

    def _networks(self) -> "MTCNN":
        from base_models.faces.networks import load_networks
        from base_models.neural.inference import device

        return load_networks(self.detector or "").to(device())

    def _search_all(self, paths: Sequence[Path], rows: Sequence[int]) -> Ragged:
        """(frames, 5) each; of what cannot be read (0, 5)."""
        return Ragged.of([self._search(paths[row]) for row in rows])

    def _search(self, path: Path) -> Features:
        """Of each frame the largest face, x1, y1, x2, y2 as shares of width and height, and its probability; all 0
        where no face is."""
        from base_models.faces.detection import find_faces

        try:
            pictures = self._pictures(path)
        except Unreadable:
            return NOTHING
        networks, boxes = self._networks(), []
        for size, group in groupby(map(_shrunk, pictures), lambda picture: picture.size):
            alike = list(group)
            for start in range(0, len(alike), FRAMES_AT_ONCE):
                for found in find_faces(networks, alike[start : start + FRAMES_AT_ONCE]):
                    boxes.append(found[0] / (*size, *size, 1) if len(found) else np.zeros(5))
        return np.array(boxes, dtype=np.float32)

    def _pictures(self, path: Path) -> Sequence[Image.Image]:
        if self.modality == "image":
            return [open_image(path, draft=SIDE)]
        frames = read_frames(path, self.fps, SIDE, self.seconds + 1 / self.fps)
        return frames.pictures[: int((frames.times < self.seconds).sum())]


def _shrunk(picture: Image.Image) -> Image.Image:
    """With SIDE pixels on its shorter side, unless it is smaller, or very long."""
    scale = SIDE / min(picture.size)
    width, height = (min(LONGEST, max(1, round(side * scale))) for side in picture.size)
    if scale < 1 or max(picture.size) > LONGEST:
        picture.thumbnail((width, height))
    return picture


def _cut(picture: Image.Image, box: Features, margin: int) -> Image.Image:
    """The part of the picture in a box, as facenet-pytorch cuts it: what the margin has over the picture's edge is
    left out."""
    left, upper, right, lower = (float(share) * side for share, side in zip(box[:4], 2 * picture.size, strict=True))
    across, down = (side * margin / (SIZE - margin) / 2 for side in (right - left, lower - upper))
    first = int(max(left - across, 0)), int(max(upper - down, 0))
    behind = int(min(right + across, picture.width)), int(min(lower + down, picture.height))
    return _squeezed(picture, (*first, max(behind[0], first[0] + 1), max(behind[1], first[1] + 1)))


def _squeezed(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    return picture.crop(box).resize((SIZE, SIZE), Image.Resampling.BILINEAR)  # by itself: nothing around it shines in


@lru_cache
def _told(key: str) -> set[str]:
    """The clips of which a line has said how many frames show no face, by what decides the boxes."""
    return set()
