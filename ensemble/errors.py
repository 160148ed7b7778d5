"""Every error a user can cause, under one root that the command line catches and prints as one line.

EnsembleError
├── ConfigError        the TOML file, --set, or an argument
├── DataError          dataset files, ids, labels, texts, images
├── FoldError          the fold plan, or a table that changed under it
├── LearnerError       a base learner's parameters, weights or training
├── PredictionsError   probabilities that are not probabilities, or of other rows
├── StoreError         a run folder: unfinished, stale, foreign, damaged, full
└── SubmissionError    a competition file that would be refused

Messages say what is wrong, what was found, and what would be right.
"""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches

MANY = 60  # names that are all listed


class EnsembleError(Exception):
    """Root of all errors that are the user's to mend; exit code 2."""


class ConfigError(EnsembleError):
    """The configuration file, --set or a command-line argument is wrong."""


class DataError(EnsembleError):
    """A dataset file, id, label, text or image is wrong."""


class FoldError(EnsembleError):
    """The fold plan cannot be made, or no longer fits the table."""


class LearnerError(EnsembleError):
    """A base learner cannot be made, trained or loaded."""


class PredictionsError(EnsembleError):
    """Probabilities are malformed or belong to other rows."""


class StoreError(EnsembleError):
    """A result in the run folder is unfinished, stale, foreign or damaged, or cannot be written."""


class SubmissionError(EnsembleError):
    """The competition file would be refused."""


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """One line for a name nobody knows: ``Unknown learner 'tfidff'. Did you mean 'tfidf'? Available: ...``; of very
    many names those that are like it."""
    names = sorted(known)
    if not names:
        return f"Unknown {kind} {name!r}; there is none."
    close = get_close_matches(name, names, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    if len(names) <= MANY:
        return f"Unknown {kind} {name!r}.{hint} Available: {', '.join(names)}."
    alike = get_close_matches(name, names, n=10, cutoff=0.4) or names[:10]
    return f"Unknown {kind} {name!r}.{hint} The nearest of {len(names):,}: {', '.join(alike)}."


def command(*words: str) -> str:
    """A command as a message suggests it, to be pasted into a shell: `` `ensemble stack --task 'my task'` ``"""
    return f"`{shlex.join(['ensemble', *words])}`"


def some(names: Iterable[object], limit: int = 3) -> str:
    """The first few of many, for a message: ``'a', 'b', 'c' and 4 more``."""
    listed = [repr(name) for name in names]
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def shortened(text: str, limit: int = 80) -> str:
    """A cell or a path for a message, on one line, its middle left out: what strangers write has no end."""
    line = " ".join(text.split())
    return line if len(line) <= limit else f"{line[: limit // 3]}...{line[-(limit - limit // 3 - 3) :]}"


def first_line(error: BaseException) -> str:
    """The first line of what another library says, for a message of ours; its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
