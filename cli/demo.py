"""The demos: memes or clips are drawn, then every command runs on them, printed as the user would type it."""

from pathlib import Path

from cli.drawn_clips import draw_clips, draw_frames, speak
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
threads = 1  # the steps are so small that several threads mostly wait for one another

[base.prior]
learner = "prior"

[base.tfidf]
learner = "tfidf"

[base.text]
learner = "frozen"
params = {{ text = "encoders/text", max_length = 64 }}

[base.image]
learner = "frozen"
params = {{ image = "encoders/image", views = 2 }}

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
size = 48
[base.network.params.training]
epochs = 3
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


KNOWN = 50  # clips that the tiny encoders have seen, without their sentiment
CLIPS = """# What `ensemble demo --clips` ran. A film holds picture and sound: no other column need name one.

[data]
preset = "csv"
root = "data"
train = "clips.csv"
test = "test.csv"
id = "name"
text = "caption"
video = "file"
images = "films"
group = "speaker"

[data.tasks.sentiment]
kind = "regression"
bounds = [-3, 3]

[folds]
k = 4

[run]
folder = "run"
cache = "cache"

[base.prior]
learner = "prior"

[base.words]
learner = "tfidf"

[base.face]
learner = "frozen"
[base.face.params]
video = "encoders/video"
fps = 3
penalties = [1e-4, 1e-3, 1e-2, 0.1, 1.0]  # random features keep what matters in their small directions

[base.tone]
learner = "frozen"
[base.tone.params]
audio = "encoders/audio"
audio_pooling = "mean_std"
penalties = [1e-4, 1e-3, 1e-2, 0.1, 1.0]

[base.together]
learner = "frozen"
[base.together.params]
text = "encoders/text"
max_length = 64
audio = "encoders/audio"
audio_pooling = "mean_std"
video = "encoders/video"
fps = 3
penalties = [1e-4, 1e-3, 1e-2, 0.1, 1.0]

[base.gates]
learner = "uegd"
[base.gates.params]
text = "encoders/text"
audio = "encoders/audio"
video = "encoders/video"
max_length = 64
hidden_width = 64
width = 32
feature_masks = 0
[base.gates.params.training]
epochs = 30
warmup = 3
batch = 16
lr = 3e-3

[submit]
format = "csv"
"""


def run_demo(folder: Path, posts: int, full: bool = False) -> None:
    """Of memes, with one kind of text network, or all that are in the box if ``full``; raises ConfigError where the
    folder holds something already."""
    from base_models.tiny import FAMILIES, make_image_encoder, make_text_encoder

    folder = _fresh(folder)
    _say(f"Drawing {posts} memes: a face, a caption, labels that need both, a number ...")
    captions = draw_memes(folder / "data", posts)
    _say("Making tiny networks with random weights (real runs name models of the hub) ...")
    make_image_encoder(folder / "encoders" / "image")
    make_text_encoder(folder / "encoders" / "text", captions)
    families = tuple(FAMILIES) if full else ("bert",)  # the others show nothing that one does not
    for family in families:
        make_text_encoder(folder / "encoders" / family, captions, family)
    fine_tuned = VISUAL + "".join(TEXTUAL.format(family=family) for family in families)
    run = _run_all(folder, CONFIG + NUMBER + fine_tuned)
    _say(f"New posts: {command('predict', 'POSTS.csv', '--run', str(run))}")
    _say("Next, with your own posts: `ensemble init csv --root DIR`, then the commands above.")


def run_clips_demo(folder: Path, clips: int, world: str) -> None:
    """Of clips whose sentiment the ``world`` makes; raises ConfigError where the folder holds something already."""
    from base_models.tiny import make_text_encoder
    from base_models.tiny_media import make_frame_encoder, make_speech_encoder

    folder = _fresh(folder)
    _say(f"Drawing {clips} clips: a face that smiles or frowns, a tone that rises or falls, a caption, a number ...")
    drawn = draw_clips(folder / "data", clips, world)
    _say("Making tiny networks with random weights (real runs name models of the hub) ...")
    make_text_encoder(folder / "encoders" / "text", [clip.caption for clip in drawn])
    make_speech_encoder(folder / "encoders" / "audio", [speak(clip) for clip in drawn[:KNOWN]])
    make_frame_encoder(folder / "encoders" / "video", [draw_frames(clip)[-1] for clip in drawn[:KNOWN]])
    run = _run_all(folder, CLIPS)
    _show("predict", str(folder / "data" / "new.csv"), "--run", str(run))
    _say("Next, with your own clips: `ensemble init csv --train TABLE --video COLUMN`, then the commands above.")


def _fresh(folder: Path) -> Path:
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; give `ensemble demo` a new folder.")
    return folder


def _run_all(folder: Path, text: str) -> Path:
    """From the configuration to the submission; the run folder."""
    config, run = folder / "ensemble.toml", folder / "run"
    write_atomic(config, text.encode())
    for name in ("data", "train-base", "stack", "report", "submit"):
        _show(name, "-c", str(config))
    _say(f"\nThe submission: {run / 'submission' / 'submission.csv'}")
    _say(f"The report, for any browser: {run / 'report.html'}")
    return run


def _show(name: str, *arguments: str) -> None:
    """A command as it would be typed, and what it prints."""
    from cli.app import app

    _say(f"\n$ {command(name, *arguments).strip('`')}\n")
    app([name, *arguments], standalone_mode=False)


def _say(text: str) -> None:
    print(text, flush=True)
