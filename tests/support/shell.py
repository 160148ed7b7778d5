"""What a command gave back, for tests of the command line."""

from collections.abc import Callable
from dataclasses import dataclass

SOFT = ("--set", 'stack.learners=["prior", "tfidf"]', "--set", 'stack.estimators=["soft_vote"]')  # of two, at once


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Ensemble = Callable[..., Outcome]
