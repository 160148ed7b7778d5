"""A competition: labelled posts, posts to label, a file in the form that is asked for.

Shows: test rows of a second table, two tasks at once, a submission as a template, its linter and the score its labels
have out of fold. Draws its own memes; real encoders are hub names in the place of the tiny one.
Prints: what each learner and the stack score, and the first lines of the file.

    python examples/competition.py [FOLDER]
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import ensemble
from base_models.tiny import make_image_encoder
from cli.memes import draw_memes


def main(folder: Path) -> None:
    draw_memes(folder / "data", 100)
    train, test = (pd.read_csv(folder / "data" / name) for name in ("posts.csv", "test.csv"))
    encoder = make_image_encoder(folder / "encoder")
    posts = ensemble.Posts.from_frame(
        train,
        tasks={"sentiment": ["negative", "neutral", "positive"], "sarcasm": ["0", "1"]},
        text="caption",
        image="file",
        id="name",
        test=test,
        root=folder / "data" / "images",
    )
    project = ensemble.Project.from_posts(
        posts,
        learners={
            "words": "tfidf",
            "image": {
                "learner": "frozen",
                "params": {"image": str(encoder), "views": 2},
            },
        },
        folder=folder / "run",
        folds={"k": 3},
        submit={"template": "{id},{sentiment},{sarcasm:1}", "header": "name,sentiment,sarcasm_probability"},
        progress=False,
    )
    project.train()
    scores = project.stack()
    shown = scores[(scores["part"] == "oof") & scores["kind"].isin(["learner", "stack", "baseline"])]
    print(shown[["task", "name", "metric", "score", "low", "high"]].round(3).to_string(index=False))
    print("", *project.submit().read_text().splitlines()[:4], sep="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp()))
