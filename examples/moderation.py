"""Moderation: at which probability to act, and which posts a person should see.

Shows: a binary task with a positive class, an operating point that is chosen out of fold, posts between two
thresholds for review, labels of new posts at that point. Draws its own memes; what is sarcastic stands for what is to
be hidden.
Prints: what precision costs in recall, with its interval, and what becomes of new posts.

    python examples/moderation.py [FOLDER]
"""

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import ensemble
from base_models.tiny import make_image_encoder, make_text_encoder
from cli.memes import draw_memes


def main(folder: Path) -> None:
    captions = draw_memes(folder / "data", 180)
    image, text = make_image_encoder(folder / "image"), make_text_encoder(folder / "text", captions)
    train = pd.read_csv(folder / "data" / "posts.csv").replace({"sarcasm": {0: "fine", 1: "hide"}})
    posts = ensemble.Posts.from_frame(
        train, tasks={"sarcasm": ["fine", "hide"]}, text="caption", image="file", root=folder / "data" / "images"
    )
    project = ensemble.Project.from_posts(
        posts,
        learners={
            "words": "tfidf",
            "both": {"learner": "frozen", "params": {"image": str(image), "text": str(text), "max_length": 64}},
        },
        folder=folder / "run",
        folds={"k": 3},
        stack={"metrics": {"sarcasm": "average_precision"}},
        submit={"positive": {"sarcasm": "hide"}},
        progress=False,
    )
    project.train()
    project.stack()
    run = str(folder / "run")
    command("thresholds", run, "--label", "hide", "--precision", "0.6", "--recall", "0.9")
    new = pd.read_csv(folder / "data" / "test.csv")
    decided = ensemble.load(run).predict(new, root=folder / "data" / "images")
    print(decided["sarcasm"].value_counts().to_string())


def command(*words: str) -> None:
    """As typed; what it prints."""
    done = subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, check=False)
    print(f"$ ensemble {' '.join(words)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp()))
