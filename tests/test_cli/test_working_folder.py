"""Opening a configuration or a run changes no working folder, and relative paths mean the configuration's own."""

import shutil
from pathlib import Path

import pytest

from base_models import LEARNERS
from cli.finished import predict_posts
from cli.parallel import Parallel
from cli.session import Session
from ensemble.bound_learners import LearnerSpec, bind_learner
from ensemble.errors import LearnerError
from ensemble.jobs.job import list_work
from ensemble.jobs.train import train
from ensemble.system.files import read_json
from meta.summary import stack_tasks

CONFIG = """
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
sentiment = ["negative", "neutral", "positive"]
[folds]
k = 3
[run]
folder = "run"
cache = "cache"
threads = 1
[base.text]
learner = "frozen"
params = { text = "encoders/text", max_length = 64 }
[base.tfidf]
learner = "tfidf"
[stack]
estimators = ["soft_vote"]
"""


@pytest.fixture
def project(tmp_path: Path, memes: Path, encoders: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration whose paths are all relative; the working folder is another one."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "1")  # the session sets these; the fixture puts back what was there
    folder = tmp_path / "project"
    shutil.copytree(memes, folder / "data")
    shutil.copytree(encoders["text"], folder / "encoders" / "text")
    (folder / "ensemble.toml").write_text(CONFIG)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder


def test_everything_of_a_run_lies_where_its_configuration_is(project: Path) -> None:
    elsewhere = Path.cwd()
    session = Session(Path("../project/ensemble.toml"), (), quiet=True, parallel=Parallel(processes=2))
    run = session.run
    work = list_work(run, run.specs, run.data.tasks, ())
    with session.working() as engine:  # in processes of their own, too
        assert train(run, work, engine=engine) == []
    session.record()
    stack_tasks(run, run.data.tasks, session.stacking)
    assert Path.cwd() == elsewhere and not list(elsewhere.iterdir())
    assert (run.store.root, run.cache.root) == (project / "run", project / "cache")
    assert list((project / "cache").glob("text-*/*.npy"))
    record = run.store.base("text", "sentiment").read_record()
    assert record["made_of"]["params.text"] == "encoders/text", "as it was written"
    assert read_json(run.store.record)["home"] == ".."


def test_a_finished_run_is_asked_from_anywhere(project: Path, tmp_path: Path) -> None:
    session = Session(project / "ensemble.toml", (), quiet=True)
    train(session.run, list_work(session.run, session.run.specs, session.run.data.tasks, ()))
    session.record()
    stack_tasks(session.run, session.run.data.tasks, session.stacking)
    moved = shutil.move(project, tmp_path / "moved")
    Path("new.csv").write_text("caption\nwhat a great day\n")
    made = predict_posts(Path("new.csv"), moved / "run", Path("answers.csv"), None, [], None, [], {}, (), quiet=True)
    assert made["file"] == "answers.csv" and Path("answers.csv").is_file()
    assert Path.cwd() == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("learner", "params"),
    [
        ("frozen", {"text": "encoders/text", "max_length": 64}),
        ("textual", {"model": "encoders/text", "translator": "encoders/text"}),
        ("visual", {"model": "resnet18", "checkpoint": "weights.safetensors"}),
    ],
)
def test_local_weights_are_those_beside_the_configuration(project: Path, learner: str, params: dict[str, str]) -> None:
    (project / "weights.safetensors").touch()
    files = bind_learner(LEARNERS, LearnerSpec("x", learner, params), project).source_files()
    assert files and all(path.is_relative_to(project) and path.is_file() for path in files)


def test_two_runs_of_one_process_each_have_their_own_weights(project: Path, tmp_path: Path) -> None:
    second = Path(shutil.copytree(project, tmp_path / "second"))
    spec = LearnerSpec("text", "frozen", {"text": "encoders/text", "max_length": 64})
    for home in (project, second, project):
        files = bind_learner(LEARNERS, spec, home).source_files()
        assert files and all(path.is_relative_to(home) for path in files)


def test_weights_in_the_working_folder_alone_are_not_found(project: Path) -> None:
    Path("weights.safetensors").touch()
    spec = LearnerSpec("x", "visual", {"model": "resnet18", "checkpoint": "weights.safetensors"})
    with pytest.raises(LearnerError, match=r"No such checkpoint: .*project/weights\.safetensors"):
        bind_learner(LEARNERS, spec, project).source_files()
