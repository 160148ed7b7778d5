"""A research table: what each modality is worth, over seeds, with intervals.

Shows: learners of one kind side by side, two seeds, a test part that no fold holds and that is scored once, and a
table in Markdown as a paper would print it. Draws its own memes.
Prints: the table, and where the report lies, which has it with the paired differences.

    python examples/research_table.py [FOLDER]
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd

import ensemble
from base_models.tiny import make_image_encoder, make_text_encoder
from cli.memes import draw_memes


def main(folder: Path) -> None:
    captions = draw_memes(folder / "data", 120)
    image = str(make_image_encoder(folder / "image"))
    text = str(make_text_encoder(folder / "text", captions))
    posts = ensemble.Posts.from_frame(
        pd.read_csv(folder / "data" / "posts.csv"),
        tasks={"sentiment": ["negative", "neutral", "positive"]},
        text="caption",
        image="file",
        root=folder / "data" / "images",
    )
    project = ensemble.Project.from_posts(
        posts,
        learners={
            "text_only": {"learner": "frozen", "params": {"text": text, "max_length": 64}},
            "image_only": {"learner": "frozen", "params": {"image": image}},
            "text_and_image": {"learner": "frozen", "params": {"text": text, "image": image, "max_length": 64}},
        },
        folder=folder / "run",
        folds={"k": 3, "test_fraction": 0.2},
        run={"seeds": [0, 1]},
        progress=False,
    )
    project.train()
    scores = project.stack().drop_duplicates(["part", "name"])
    print("| learner | macro-F1 out of fold [95 %] | test part |", "|---|---|---|", sep="\n")
    for _, row in scores[(scores["part"] == "oof") & scores["kind"].isin(["learner", "stack"])].iterrows():
        test = scores[(scores["part"] == "test") & (scores["name"] == row["name"])]["score"]
        print(f"| {row['name']} | {row['score']:.3f} [{row['low']:.3f}, {row['high']:.3f}] | {test.iloc[0]:.3f} |")
    print(f"\nReport: {project.report()}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp()))
