"""Competition files: written from labels in test order, and linted from their text before anyone sees them."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.data import TEST, Codes, Dataset
from ensemble.errors import DataError, SubmissionError, some, unknown
from ensemble.predictions import Predictions


@dataclass(frozen=True)
class SubmissionRows:
    """What is handed in: ``ids`` (rows,) of the test file in its order, and per task labels and probabilities."""

    data: Dataset
    labels: Mapping[str, Codes]
    probabilities: Mapping[str, Predictions]

    @property
    def ids(self) -> Sequence[str]:
        return [str(name) for name in self.data.ids]

    def names(self, task: str) -> list[str]:
        """The labels of a task as the strings of its classes."""
        classes = self.data.task(task).classes
        return [classes[code] for code in self.labels[task]]


@dataclass(frozen=True)
class Format:
    """A file name, a function that renders it, and one that finds what is wrong with a rendered text."""

    file: str
    render: Callable[[SubmissionRows], str]
    lint: Callable[[str, Dataset], list[str]]


def test_rows(data: Dataset) -> Codes:
    """Positions of the rows a submission is about; raises SubmissionError where the data has none."""
    rows = np.flatnonzero((data.frame["part"] == TEST).to_numpy())
    if not len(rows):
        raise SubmissionError("There is nothing to submit: the data has no test rows (no test file, no test column).")
    return rows


def make_submission(name: str, handed: SubmissionRows) -> tuple[str, str]:
    """``(file name, text)`` of a linted submission; raises SubmissionError for a format that does not fit the data."""
    if name not in FORMATS:
        raise SubmissionError(unknown("submission format", name, FORMATS))
    form = FORMATS[name]
    try:
        text = form.render(handed)
    except DataError as error:
        raise SubmissionError(f"Format {name!r} does not fit the data: {error}") from error
    problems = form.lint(text, handed.data)
    if problems:
        raise SubmissionError(f"The {name} file would be refused: {some(problems)}.")
    return form.file, text


MEMOTION_BINARY = ("humour", "sarcasm", "offensive", "motivational")
MEMOTION_DEGREE = ("humour_degree", "sarcasm_degree", "offensive_degree", "motivational")
MEMOTION_LINE = re.compile(r"(-1|0|1)_([01]{4})_([0-3]{3}[01])")


def render_memotion(handed: SubmissionRows) -> str:
    """``<A>_<B>_<C>`` per test row, no header: sentiment, four binary labels, four degrees."""
    columns = {name: handed.names(name) for name in ("sentiment", *MEMOTION_BINARY, *MEMOTION_DEGREE)}
    lines = [
        f"{columns['sentiment'][row]}_{''.join(columns[name][row] for name in MEMOTION_BINARY)}_"
        f"{''.join(columns[name][row] for name in MEMOTION_DEGREE)}"
        for row in range(len(handed.data))
    ]
    return "\n".join(lines) + "\n"


def lint_memotion(text: str, data: Dataset) -> list[str]:
    lines = text.splitlines()
    problems = [f"{len(lines)} lines for {len(data)} test rows"] if len(lines) != len(data) else []
    for number, line in enumerate(lines, start=1):
        match = MEMOTION_LINE.fullmatch(line)
        if match is None:
            problems.append(f"line {number} reads {line!r}, not like 1_1110_1120")
        elif any((b == "1") != (c > "0") for b, c in zip(match[2], match[3], strict=True)):
            problems.append(f"line {number} reads {line!r}: B must be 1 exactly where C is above 0")
    return problems


def render_mvsa(handed: SubmissionRows) -> str:
    """``guid,tag`` in the order of the test file."""
    return _csv([("guid", "tag"), *zip(handed.ids, handed.names("sentiment"), strict=True)])


def lint_mvsa(text: str, data: Dataset) -> list[str]:
    return _lint_csv(text, data, ["guid", "tag"], [data.task("sentiment").classes])


def render_hateful_memes(handed: SubmissionRows) -> str:
    """``id,proba,label``: the probability that a meme is hateful, and the label."""
    labels = handed.names("hateful")
    probabilities = [f"{value:.6f}" for value in handed.probabilities["hateful"].values[:, 1]]
    return _csv([("id", "proba", "label"), *zip(handed.ids, probabilities, labels, strict=True)])


def lint_hateful_memes(text: str, data: Dataset) -> list[str]:
    problems = _lint_csv(text, data, ["id", "proba", "label"], [None, data.task("hateful").classes])
    shares = [row[1] for row in csv.reader(io.StringIO(text)) if len(row) > 1][1:]
    return problems + [f"probability {share!r} is not between 0 and 1" for share in shares if not _is_share(share)]


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


def render_csv(handed: SubmissionRows) -> str:
    """``id`` and one label column per task."""
    columns = [handed.names(name) for name in handed.data.task_names]
    return _csv([("id", *handed.data.task_names), *zip(handed.ids, *columns, strict=True)])


def lint_csv(text: str, data: Dataset) -> list[str]:
    return _lint_csv(text, data, ["id", *data.task_names], [task.classes for task in data.tasks])


FORMATS = {
    "memotion": Format("answer.txt", render_memotion, lint_memotion),
    "mvsa": Format("test.txt", render_mvsa, lint_mvsa),
    "hateful-memes": Format("submission.csv", render_hateful_memes, lint_hateful_memes),
    "csv": Format("submission.csv", render_csv, lint_csv),
}


def _csv(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()


def _lint_csv(text: str, data: Dataset, header: Sequence[str], domains: Sequence[Sequence[str] | None]) -> list[str]:
    """Header, ids in order, and each further column within its domain (None allows anything)."""
    rows = list(csv.reader(io.StringIO(text))) or [[]]
    problems = [] if rows[0] == list(header) else [f"the header reads {rows[0]}, not {list(header)}"]
    if [row[0] if row else "" for row in rows[1:]] != [str(name) for name in data.ids]:
        problems.append(f"the ids are not the {len(data)} ids of the test file in its order")
    for row in rows[1:]:
        if len(row) != len(header):
            problems.append(f"a row reads {row}, not {len(header)} values")
            continue
        for value, domain in zip(row[1:], domains, strict=True):
            if domain is not None and value not in domain:
                problems.append(f"row {row[0]!r} has {value!r}, not one of {list(domain)}")
    return problems
