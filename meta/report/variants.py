"""Learners of one kind under different parameters, such as other layers or other modalities: in what they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ensemble.data import Task
from ensemble.run import Run


@dataclass(frozen=True)
class Variants:
    """Base learners by name that are all a ``learner`` of the registry, and the parameters that are not the same in all
    of them, by dotted name; one that a learner does not have is left out."""

    learner: str
    params: Mapping[str, Mapping[str, object]]


def variants(run: Run, task: Task, names: Sequence[str]) -> list[Variants]:
    """Of those of these learners that are of the configuration and not the only ones of their kind."""
    kinds: dict[str, dict[str, Mapping[str, object]]] = {}
    for spec in run.specs:
        if spec.name in names:
            kinds.setdefault(spec.learner, {})[spec.name] = run.learners.bind(spec, task).params
    return [Variants(kind, differing(params)) for kind, params in kinds.items() if len(params) > 1]


def differing(params: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Of each, the parameters whose values are not the same in all."""
    every = dict.fromkeys(key for of in params.values() for key in of)
    same = {key for key in every if len({repr(of.get(key, Ellipsis)) for of in params.values()}) == 1}
    return {name: {key: of[key] for key in every if key in of and key not in same} for name, of in params.items()}
