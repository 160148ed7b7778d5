"""A learner of your own, in a package of your own, beside ours.

Shows: a class with the methods of a base learner, named by its place, its parameters checked like those of ours; and a
finished run of it, which is opened only where its package is allowed. Draws its own memes.
Prints: what each learner and the stack score, and what the finished run says where nothing is allowed.

    pip install examples/own_learner && python examples/own_learner/train.py [FOLDER]
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import ensemble
from cli.memes import draw_memes


def main(folder: Path) -> None:
    draw_memes(folder / "data", 100)
    train, new = (pd.read_csv(folder / "data" / name) for name in ("posts.csv", "test.csv"))
    posts = ensemble.Posts.from_frame(train, tasks="sentiment", text="caption", root=folder / "data")
    project = ensemble.Project.from_posts(
        posts,
        learners={"words": "tfidf", "lengths": {"learner": "lengths:Lengths", "params": {"bins": 3}}},
        folder=folder / "run",
        folds={"k": 3},
        progress=False,
    )
    project.train()
    scores = project.stack()
    shown = scores[scores["kind"].isin(["learner", "stack", "baseline"])]
    print(shown[["name", "metric", "score", "low", "high"]].round(3).to_string(index=False))

    try:
        ensemble.load(folder / "run").predict(new)
    except ensemble.EnsembleError as error:
        print(f"\nNot allowed: {error}")
    said = ensemble.load(folder / "run", allow=["lengths"]).predict(new)
    print(f"\nAllowed: {said['sentiment'].value_counts().to_dict()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp()))
