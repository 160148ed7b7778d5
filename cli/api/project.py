"""A project: a configuration, or posts of a frame with learners, and what the commands do with it, as methods."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cli.api.arguments import Learners, base_learners, names_of, path_of, section
from cli.api.posts import PostFiles, Posts
from cli.api.wording import log_line, rephrased_errors
from cli.configured import Configured
from cli.parallel import Parallel, processes_of
from cli.progress import Bars, bars_where
from ensemble.config import make_config
from ensemble.errors import ConfigError, LearnerError
from ensemble.system.paths import relative_path
from ensemble.system.threads import threads_kept

if TYPE_CHECKING:
    from cli.api.predictor import Predictor
    from cli.session import Session


class Project:
    """Made by ``ensemble.open`` or ``from_posts``. Every method does what the command of its name does, in the same run
    folder: finished work is never done again, also not by a later process. Posts are read on the first call and kept.
    What is to be known before hours are spent is logged (logger "ensemble"); mistakes are raised as EnsembleError, in
    one line. Working folder, environment and threads are afterwards what they were; a library that is loaded by a call,
    such as torch, keeps the number of threads that the run has.

    ``progress`` None shows bars in notebooks and on terminals, True also prints a line per step elsewhere, False shows
    nothing.
    """

    def __init__(
        self,
        configured: Configured,
        overrides: Sequence[str] = (),
        progress: bool | None = None,
        files: PostFiles | None = None,
    ) -> None:
        self._configured, self._overrides, self._progress, self._files = configured, overrides, progress, files
        self.allow = configured.allow  # the other packages whose learners the run folder may import
        self._opened: Session | None = None
        self._predictor: Predictor | None = None

    @classmethod
    def from_posts(
        cls,
        posts: Posts,
        learners: Learners,
        folder: str | Path = "artifacts/run",
        *,
        folds: Mapping[str, object] | None = None,
        run: Mapping[str, object] | None = None,
        stack: Mapping[str, object] | None = None,
        submit: Mapping[str, object] | None = None,
        tune: Mapping[str, Mapping[str, object]] | None = None,
        progress: bool | None = None,
    ) -> "Project":
        """A project of posts in a run folder.

        ``learners`` are the tables ``[base.NAME]`` of a configuration: names of learners, or by name a learner, or
        ``{"learner": ..., "params": {...}}``. The other mappings are its tables of the same name: ``folds={"k": 3}``,
        ``run={"seeds": [0, 1]}``, ``stack={"metrics": {"label": "accuracy"}}``. Relative paths begin at the current
        folder; features of media are kept in ``artifacts/cache`` there, unless ``run`` names a ``cache``. The posts are
        written into the run folder, so that it serves the commands, too: ``--run FOLDER``.

        Raises ConfigError naming the key and what would be right.
        """
        home, place = Path.cwd().resolve(), path_of("folder", folder).expanduser().resolve()
        files = PostFiles.of(posts)
        tables = {part: relative_path(place / name, posts.root) for part, name in files.names.items()}
        root = relative_path(posts.root, home)
        sections: dict[str, Any] = {
            "data": {"preset": "csv", "root": root, **tables, **posts.layout.section()},
            "folds": section("folds", folds),
            "run": {**section("run", run), "folder": relative_path(place, home)},
            "base": base_learners(learners),
            "stack": section("stack", stack),
            "submit": section("submit", submit),
            "tune": section("tune", tune),
        }
        return cls(Configured.written(make_config(sections), home, place), (), progress, files)

    def __repr__(self) -> str:
        config = self._configured.config
        return f"<Project: {config.run.folder}; learners {', '.join(config.base)}>"

    @property
    def folder(self) -> Path:
        """The run folder."""
        return (self._configured.home / self._configured.config.run.folder).resolve()

    def folds(self) -> pd.DataFrame:
        """The fold plan, made on the first call and never redrawn: ``id``, ``fold`` (-1 a test row), ``group`` (copies,
        and rows that belong together, have one number)."""
        with self._working() as session:
            plan = session.run.plan.frame
            return plan[["id", "fold", "group"]].reset_index(drop=True)

    def plan(self) -> pd.DataFrame:
        """What is done and to do, a row per learner and task, with what it will take where finished jobs tell; trains
        nothing."""
        from ensemble.jobs.status import listed
        from ensemble.upkeep.planning import plan_jobs

        with self._working() as session:
            run = session.run
            work, waiting = listed(run, run.learners.some(()), run.data.tasks)
            return pd.DataFrame([vars(learner) for learner in plan_jobs(run, work, 1, waiting).learners])

    def train(
        self,
        learners: Sequence[str] = (),
        tasks: Sequence[str] = (),
        folds: Sequence[int] = (),
        n_jobs: int | None = 1,
        budget: str = "",
        extend_folds: bool = False,
    ) -> pd.DataFrame:
        """Train the base learners, fold by fold, ``n_jobs`` at a time (-1: one for each core), in processes of their
        own where there are several; what they score out of fold, beside what knows the labels alone. Within a
        ``budget`` such as "2h" what adds most per minute comes first, and no job begins that would not end in time.
        With ``extend_folds`` posts that came later get folds; old ones stay where they are.

        Raises LearnerError where jobs have failed; the others are done all the same, and the next call does the rest.
        """
        from cli.api.results import trained_frame
        from cli.api.work import train_learners
        from cli.causes import by_cause

        self._predictor = None
        wanted, asked = names_of("learners", learners), names_of("tasks", tasks)
        if isinstance(folds, int) or not isinstance(budget, str):
            raise ConfigError('folds must be a list of numbers, such as [0, 1], and budget a time, such as "2h".')
        with self._working(Parallel.of(processes_of(n_jobs)), extend_folds) as session:
            found = train_learners(session, wanted, asked, folds, log_line, budget)
        if found.spent.failures:
            causes = by_cause({str(failure.job): failure.reason or "" for failure in found.spent.failures})
            raise LearnerError(f"{len(found.spent.failures)} jobs failed: {'; '.join(causes)}")
        return trained_frame(found)

    def stack(self, tasks: Sequence[str] = ()) -> pd.DataFrame:
        """Stack the finished base learners; what these, the candidates and the stack score, ``member`` the candidates
        whose mean predicts new posts."""
        from cli.api.results import stack_frame
        from cli.api.work import stack_learners

        self._predictor = None
        with self._working() as session:
            asked = names_of("tasks", tasks)
            return stack_frame(stack_learners(session, asked, self._configured.place, self._overrides, log_line))

    def report(self, out: str | Path | None = None) -> Path:
        """Draw everything that is known of the run on one page; the file, by default ``report.html`` in the run
        folder."""
        from cli.doubts import check_output
        from meta.report.writing import write_report

        with self._working() as session:
            path = Path(out).resolve() if out is not None else None
            check_output(session, path)
            made = write_report(session.run, session.stacking, session.scans, path, session.track)
            return Path(made["page"])

    def submit(self, format: str | None = None, out: str | Path | None = None) -> Path:
        """Write the labels of the test rows as the competition wants them, linted; the file."""
        from cli.doubts import check_output
        from meta.decisions import write_submission

        with self._working() as session:
            path, form = Path(out).resolve() if out is not None else None, session.submission_format(format)
            check_output(session, path)
            return Path(write_submission(session.run, form, path, session.stacking)["file"])

    def predictions(self, task: str | None = None, learner: str | None = None, test: bool = False) -> pd.DataFrame:
        """What the stack, or a base learner, says of the run's own posts: out of fold, or of the ``test`` rows. Columns
        ``id``, TASK (the label) and TASK:CLASS (probabilities)."""
        from cli.api.results import predictions_frame
        from meta.stack import read_stack
        from meta.table import assemble

        with self._working() as session:
            run = session.run
            asked = run.only_task(task)
            if learner is None:
                stack = read_stack(run, assemble(run, asked, session.stacking))
                return predictions_frame(stack.test if test else stack.oof)
            run.results.base_record(learner, asked)
            return predictions_frame(run.store.base(learner, asked.name).read("test" if test else "oof", asked))

    def thresholds(
        self,
        task: str | None = None,
        *,
        precision: float | None = None,
        recall: float | None = None,
        label: str | None = None,
        review: float | None = None,
        cost: Mapping[str, float] | None = None,
    ) -> pd.DataFrame:
        """Choose at which probabilities the stack decides, one question at a time, as `ensemble thresholds` does;
        ``predict`` and ``ensemble.load`` then give labels at that point. A row per figure, of points chosen anew for
        each fold, with its interval. What to doubt is logged. Raises ConfigError where nothing reaches what is asked.
        """
        from cli.api.results import point_frame
        from meta.operating.asked import Asked
        from meta.operating.kept import choose_point

        self._predictor = None
        costs = tuple(f"{name}={value}" for name, value in (cost or {}).items())
        with self._working() as session:
            asked = Asked(label, precision, recall, review, costs)
            found = choose_point(session.run, session.run.only_task(task), asked)
        for doubt in found["doubts"]:
            log_line(f"! {found['task']}: {doubt}")
        return point_frame(found)

    def predict(self, posts: pd.DataFrame, *, root: str | Path | None = None) -> pd.DataFrame:
        """What the finished stacks say of new posts; ``ensemble.load`` does the same for the run folder alone."""
        from cli.api.predictor import load

        if self._predictor is None:
            self._predictor = load(self.folder, progress=self._progress, allow=self.allow)
        return self._predictor.predict(posts, root=root)

    @contextmanager
    def _working(self, parallel: Parallel | None = None, extend_folds: bool = False) -> "Iterator[Session]":
        """The session, opened once, with its number of threads as long as it works."""
        from cli.session import Session

        with threads_kept(), rephrased_errors():
            if self._opened is None or extend_folds:
                if self._files is not None:
                    self._files.write(self._configured.place)
                bars = bars_where(self._progress)
                self._opened = Session(
                    self._configured, self._overrides, bars is None, None, bars or Bars, extend_folds=extend_folds
                )
            yield self._opened.with_jobs(parallel or Parallel())
