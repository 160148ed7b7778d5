"""What sounds and videos cost under a frozen encoder: decoding, encoding, keeping; the second learner; the disk.

    python benchmarks/clips.py                                         drawn clips, random weights
    python benchmarks/clips.py --weights ../shared/weights/whisper-tiny.en-encoder \\
        --image ../shared/weights/mobilenetv2_100 --data ../shared/data --clips 100

Each way takes turns with a bare loop over the same clips: read a file, run the network, keep the last layer's states in
a list. A ratio (speed as a share of the bare loop's) is the median of the rounds' ratios, with quartiles. --data has
`ravdess/` and `mosi/clips/`: sounds of the one, and the one video of the other as often as asked for. Disk is computed
from the bytes that were written here for each number. Wants a machine to itself.
"""

import argparse
import json
import tempfile
import wave
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import av
import numpy as np
import pandas as pd
import torch
from turns import Steps, in_turns, print_speeds, taken

from base_models.acoustic.body import load_body
from base_models.frozen import Frozen
from base_models.neural.inference import device
from base_models.sequences.frames import FRAMES_AT_ONCE, FrameEncoder, load
from base_models.sequences.layers import Layer
from base_models.sequences.pooling import ClipEncoder, PooledStates
from base_models.sequences.speech import SpeechEncoder
from base_models.sequences.states import SequenceStates
from base_models.tiny import make_image_encoder
from base_models.visual.views import Views, make_views
from ensemble.blocks import Array, Features
from ensemble.content.frames import read_frames
from ensemble.content.sounds import read_sound
from ensemble.data import Dataset, Task
from ensemble.features import FeatureCache

LABEL = Task("label", tuple("abcdefgh"))
CLIPS, SECONDS = 7_000, 7  # of which the disk is computed
SHAPES = {  # states a second, width, blocks
    "Whisper tiny, audio": (50.0, 384, 4),
    "WavLM-large, audio": (49.9, 1024, 24),
    "CLIP ViT-L/14, video at 3 fps": (3.0, 1024, 24),
}


def measure(encoder: ClipEncoder, data: Dataset, ways: dict[str, Callable[[], object]], rounds: int) -> float:
    """Prints the table of one encoder; gives the bytes that a number on disk takes."""
    every: list[Layer] = list(range(encoder.layers + 1))
    name, cells = encoder.modality, data.cells(encoder.modality)
    with tempfile.TemporaryDirectory() as folder:
        kept = FeatureCache(Path(folder))
        states = SequenceStates(encoder, ["last"], kept)
        states.fill(data)
        numbers = sum(state.size for state in states.find(data)[0] if state is not None)
        PooledStates(encoder, "last", "mean", kept).fill(data)
        size = kept.used("states-") / numbers

        def second() -> None:
            """Another learner of the same layer, in another process."""
            learner = Frozen(**{name: encoder.model})  # type: ignore[arg-type]
            learner.prepare(data, FeatureCache(Path(folder)))
            learner.fit(data, LABEL, 0)

        def probe() -> None:
            learner = Frozen(**{name: encoder.model})  # type: ignore[arg-type]
            learner._cache = kept
            learner.fit(data, LABEL, 0)

        ways |= {
            "states kept, one layer": partial(fill, encoder, ["last"], data),
            "states kept, all layers": partial(fill, encoder, every, data),
            "second learner": second,
            "of it the probe": probe,
        }
        timed: dict[str, Callable[[Steps], object]] = {way: partial(taken, work) for way, work in ways.items()}
        in_turns(timed, 1)  # warms up
        under = f"under {Path(encoder.model).name} of {encoder.layers} blocks"
        print(f"\n{len(cells)} {encoder.contents} {under}, {rounds} rounds")
        print_speeds(in_turns(timed, rounds), {"clips": len(cells)}, "bare loop")
    return size


def fill(encoder: ClipEncoder, layers: Sequence[Layer], data: Dataset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        SequenceStates(encoder, layers, FeatureCache(Path(folder))).fill(data)


def sound_ways(encoder: SpeechEncoder, data: Dataset) -> dict[str, Callable[[], object]]:
    body = load_body(encoder.model, "")
    paths = [data.root / str(cell) for cell in data.cells("audio")]
    decoded = [read_sound(path, body.rate).samples for path in paths]

    @torch.inference_mode()
    def run(samples: Features) -> Array:
        inputs = torch.from_numpy(body.inputs(samples))[None].to(body.network.device)
        return np.asarray(
            body(inputs, torch.tensor([inputs.shape[1]], device=inputs.device))[-1][0].half().cpu().numpy()
        )

    return {
        "bare loop": lambda: [run(read_sound(path, body.rate).samples) for path in paths],
        "decoding alone": lambda: [read_sound(path, body.rate) for path in paths],
        "encoding alone": lambda: [run(samples) for samples in decoded],
    }


def video_ways(encoder: FrameEncoder, data: Dataset) -> dict[str, Callable[[], object]]:
    network = load(encoder.model, "")
    paths = [data.root / str(cell) for cell in data.cells("video")]

    def decode(path: Path) -> Views:
        pictures = read_frames(path, encoder.fps).pictures
        return np.concatenate([make_views(picture, network.preprocessing, 1) for picture in pictures])

    decoded = [decode(path) for path in paths]

    @torch.inference_mode()
    def run(views: Views) -> list[Array]:
        parts = [views[start : start + FRAMES_AT_ONCE] for start in range(0, len(views), FRAMES_AT_ONCE)]
        return [network.run(torch.from_numpy(part).to(device()))[1].half().cpu().numpy() for part in parts]

    return {
        "bare loop": lambda: [run(decode(path)) for path in paths],
        "decoding alone": lambda: [decode(path) for path in paths],
        "encoding alone": lambda: [run(views) for views in decoded],
    }


def posts(cells: Sequence[Path], modality: str) -> Dataset:
    """Equal files count as different contents."""
    rows = range(len(cells))
    frame = pd.DataFrame({"id": [f"p{row}" for row in rows], "part": "train", modality: list(map(str, cells))})
    keys = [f"{row:064x}" for row in rows]
    labels = [LABEL.classes[row % len(LABEL.classes)] for row in rows]
    return Dataset(frame.assign(**{f"{modality}_hash": keys, LABEL.name: labels}).astype(object), Path("/"), (LABEL,))


def draw_sounds(folder: Path, count: int) -> list[Path]:
    """WAV files of 3.7 seconds at 16 kHz, as RAVDESS's are long."""
    random, paths = np.random.default_rng(0), []
    for number in range(count):
        paths.append(folder / f"{number}.wav")
        with wave.open(str(paths[-1]), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            tone = np.sin(np.arange(59_200) * random.uniform(0.05, 0.5)) + random.normal(0, 0.1, 59_200)
            file.writeframes((tone * 8_000).astype("<i2").tobytes())
    return paths


def draw_video(path: Path) -> Path:
    """7.5 seconds of noise at 480 x 360 and 30 fps, as the one of MOSI."""
    random = np.random.default_rng(0)
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=30, width=480, height=360, pix_fmt="yuv420p")
        for _ in range(225):
            small = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(small.repeat(40, 0).repeat(40, 1)), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def draw_speech(folder: Path) -> Path:
    """Whisper tiny's encoder with random weights."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    WhisperEncoder(WhisperConfig()).save_pretrained(folder)
    made = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80}
    (folder / "preprocessor_config.json").write_text(json.dumps(made))
    return folder


def print_disk(bytes_each: float) -> None:
    print(f"\nDisk of {CLIPS:,} clips of {SECONDS} s, at {bytes_each:.4f} bytes a number as written here, in GB")
    print(f"{'':32}{'one layer':>12}{'all layers':>12}{'layers':>8}")
    for name, (rate, width, blocks) in SHAPES.items():
        one = CLIPS * SECONDS * rate * width * bytes_each / 1e9
        print(f"{name:32}{one:12.2f}{one * (blocks + 1):12.1f}{blocks + 1:8}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with ravdess/ and mosi/clips/; default: drawn clips")
    parser.add_argument("--weights", type=Path, help="a speech encoder's folder; default: Whisper tiny, random weights")
    parser.add_argument("--image", type=Path, help="an image encoder's folder; default: a tiny ResNet, random weights")
    for name, number in {"clips": 60, "videos": 12, "rounds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=number, help=f"default: {number}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.data:
            sounds = sorted((options.data.resolve() / "ravdess" / "audio").glob("*"))[: options.clips]
            video = next((options.data.resolve() / "mosi" / "clips").glob("*.mp4"))
        else:
            sounds, video = draw_sounds(folder, options.clips), draw_video(folder / "video.mp4")
        speech = SpeechEncoder(str(options.weights or draw_speech(folder / "whisper")))
        images = FrameEncoder(str(options.image or make_image_encoder(folder / "resnet")))
        heard, seen = posts(sounds, "audio"), posts([video] * options.videos, "video")
        bytes_each = measure(speech, heard, sound_ways(speech, heard), options.rounds)
        measure(images, seen, video_ways(images, seen), options.rounds)
    print_disk(bytes_each)


if __name__ == "__main__":
    main()
