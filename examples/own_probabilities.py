"""Bring your own probabilities: a model that was trained elsewhere, stacked beside ours.

Shows: the fold plan handed out, a scikit-learn pipeline trained on it by hand, its out-of-fold probabilities checked
and brought in, the stack of both. Draws its own memes.
Prints: what was imported, and what each learner and the stack score.

    python examples/own_probabilities.py [FOLDER]
"""

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

import ensemble
from base_models.tiny import make_image_encoder
from cli.memes import draw_memes

CONFIGURATION = """
[data]
preset = "csv"
root = "data"
train = "posts.csv"
id = "name"
text = "caption"
image = "file"
images = "images"
[data.tasks]
sentiment = ["negative", "neutral", "positive"]
[folds]
k = 3
[run]
folder = "run"
[base.image]
learner = "frozen"
params = { image = "encoder" }
"""


def main(folder: Path) -> None:
    draw_memes(folder / "data", 120)
    make_image_encoder(folder / "encoder")
    config = folder / "ensemble.toml"
    config.write_text(CONFIGURATION)
    project = ensemble.open(config, progress=False)

    posts = pd.read_csv(folder / "data" / "posts.csv").set_index("name")
    plan = project.folds().set_index("id")
    texts, labels = posts["caption"].fillna("")[plan.index], posts["sentiment"][plan.index]
    parts = []
    for fold in sorted(plan["fold"].unique()):
        held_out = plan["fold"] == fold
        model = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts[~held_out], labels[~held_out])
        said = model.predict_proba(texts[held_out])
        parts.append(pd.DataFrame(said, columns=model.classes_, index=texts[held_out].index).assign(fold=fold))
    pd.concat(parts).rename_axis("id").to_csv(folder / "oof.csv")

    words = ["import", "bayes", "--oof", str(folder / "oof.csv"), "--modality", "text", "-c", str(config)]
    done = subprocess.run([sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, check=False)
    print(f"$ ensemble {' '.join(words)}\n{done.stdout}{done.stderr}")

    project.train()
    scores = project.stack()
    shown = scores[scores["kind"].isin(["learner", "stack", "baseline"])]
    print(shown[["name", "metric", "score", "low", "high"]].round(3).to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(mkdtemp()))
