"""A number instead of classes, heard instead of read: the sentiment of short films.

Shows: a regression with bounds, the sound inside a video under a frozen speech encoder, speakers as groups, numbers
of new clips from a finished run. Draws its own films, in which the tone decides; real encoders are hub names, such as
"openai/whisper-tiny.en", in the place of the tiny one.
Prints: the mean absolute error of words, of the tone and of the stack; what is said of three new clips.

    python examples/regression_with_sound.py [FOLDER]
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import ensemble
from base_models.tiny_media import make_speech_encoder
from cli.drawn_clips import draw_clips, speak


def main(folder: Path) -> None:
    drawn = draw_clips(folder / "data", 70, "tone")
    encoder = make_speech_encoder(folder / "encoder", [speak(clip) for clip in drawn[:40]])
    clips, new = (pd.read_csv(folder / "data" / name) for name in ("clips.csv", "test.csv"))
    posts = ensemble.Posts.from_frame(
        clips,
        tasks={"sentiment": {"kind": "regression", "bounds": [-3, 3]}},
        text="caption",
        video="file",
        groups="speaker",
        root=folder / "data" / "films",
    )
    project = ensemble.Project.from_posts(
        posts,
        learners={
            "words": "tfidf",
            "tone": {
                "learner": "frozen",
                "params": {"audio": str(encoder), "audio_pooling": "mean_std", "penalties": [1e-3, 1e-2, 0.1]},
            },
        },
        folder=folder / "run",
        folds={"k": 3},
        progress=False,
    )
    project.train()
    scores = project.stack()
    shown = scores[(scores["part"] == "oof") & scores["kind"].isin(["learner", "stack", "baseline"])]
    print(shown[["name", "metric", "score", "low", "high"]].round(2).to_string(index=False))

    said = ensemble.load(folder / "run").predict(new.head(3), root=folder / "data" / "films")
    print(f"\nThree new clips: {said['sentiment'].round(2).tolist()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp()))
