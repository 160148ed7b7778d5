"""The demo: memes are drawn, then every command runs on them, printed as the user would type it."""

from pathlib import Path

from cli.memes import SENTIMENTS, draw_memes
from ensemble.errors import ConfigError, command
from ensemble.system.files import write_atomic

CONFIG = f"""# What `ensemble demo` ran. Every table and key is explained in the recipes that `ensemble init` writes.

[data]
preset = "csv"
root = "data"
train = "posts.csv"
test = "test.csv"
id = "name"
text = "caption"
image = "file"
images = "images"

[data.tasks]
sentiment = {list(SENTIMENTS)}
sarcasm = ["0", "1"]

[folds]
k = 4

[run]
folder = "run"
cache = "cache"

[base.prior]
learner = "prior"

[base.tfidf]
learner = "tfidf"

[base.text]
learner = "frozen"
params = {{ text = "encoders/text", max_length = 64 }}

[base.image]
learner = "frozen"
params = {{ image = "encoders/image", views = 10 }}

[base.both]
learner = "frozen"
params = {{ image = "encoders/image", text = "encoders/text", max_length = 64, views = 2 }}

[submit]
format = "csv"
""".replace("'", '"')

# Only the demo itself learns a number and trains networks; the tests' runs share the rest.
NUMBER = """
[data.tasks.feeling]
kind = "regression"
bounds = [-3, 3]
"""
VISUAL = """
[base.network]
learner = "visual"
[base.network.params]
model = "encoders/image"
views = 2
[base.network.params.training]
epochs = 4
optimizer = "adamw"
lr = 3e-3
schedule = "cosine"
"""
TEXTUAL = """
[base.{family}]
learner = "textual"
[base.{family}.params]
model = "encoders/{family}"
max_length = 32
lstm_width = 32
attention_width = 32
hidden_width = 32
[base.{family}.params.training]
epochs = 2
batch = 32
lr = 3e-3
patience = 0
validation = 0
"""


def run_demo(folder: Path, posts: int) -> None:
    """Raises ConfigError where the folder holds something already."""
    from base_models.tiny import FAMILIES, make_image_encoder, make_text_encoder
    from cli.app import app

    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; give `ensemble demo` a new folder.")
    _say(f"Drawing {posts} memes: a face, a caption, labels that need both, a number ...")
    captions = draw_memes(folder / "data", posts)
    _say("Making tiny networks with random weights (real runs name models of the hub) ...")
    make_image_encoder(folder / "encoders" / "image")
    make_text_encoder(folder / "encoders" / "text", captions)
    for family in FAMILIES:
        make_text_encoder(folder / "encoders" / family, captions, family)
    config = folder / "ensemble.toml"
    fine_tuned = VISUAL + "".join(TEXTUAL.format(family=family) for family in FAMILIES)
    write_atomic(config, (CONFIG + NUMBER + fine_tuned).encode())
    for name in ("data", "train-base", "stack", "report", "submit"):
        _say(f"\n$ {command(name, '-c', str(config)).strip('`')}\n")
        app([name, "-c", str(config)], standalone_mode=False)
    run = folder / "run"
    _say(f"\nThe submission: {run / 'submission' / 'submission.csv'}")
    _say(f"The report, for any browser: {run / 'report.html'}")
    _say(f"New posts: {command('predict', 'POSTS.csv', '--run', str(run))}")
    _say("Next, with your own posts: `ensemble init csv --root DIR`, then the commands above.")


def _say(text: str) -> None:
    print(text, flush=True)
