"""What the learners of a registry say of themselves: what each is, and its parameters with their meaning."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ensemble.learner_factory import learner_class
from ensemble.registry import arguments_of


@dataclass(frozen=True)
class ParameterDescription:
    """``default`` is None of one that is ``required``; ``allowed`` are its bounds, or the values it may have."""

    name: str
    default: Any
    required: bool
    allowed: str
    meaning: str


@dataclass(frozen=True)
class LearnerDescription:
    """``about`` is the first paragraph of the docstring, of a learner that was named all of it."""

    about: str
    parameters: tuple[ParameterDescription, ...]


def describe_learners(registry: Mapping[str, str], names: Sequence[str] = ()) -> dict[str, LearnerDescription]:
    """Of the learners that are named, or all. Raises ConfigError for an unknown name."""
    described = {}
    for name in names or registry:
        learner = learner_class(registry, name, "learner")
        paragraphs = inspect.cleandoc(learner.__doc__ or "").split("\n\n")
        about = " ".join(paragraph.replace("\n", " ") for paragraph in paragraphs[: None if names else 1])
        described[name] = LearnerDescription(about, tuple(_describe("", arguments_of(learner))))
    return described


def _describe(prefix: str, model: type[BaseModel]) -> Iterator[ParameterDescription]:
    """Of a table of parameters one by one, under dotted names."""
    for name, field in model.model_fields.items():
        table = next((kind for kind in (field.annotation, *get_args(field.annotation)) if _is_table(kind)), None)
        if table is not None:
            yield from _describe(f"{prefix}{name}.", table)
            continue
        default = None if field.default is PydanticUndefined else field.default
        allowed = ", ".join(map(str, _choices(field.annotation))) or _bounds(field)
        yield ParameterDescription(prefix + name, default, field.is_required(), allowed, field.description or "")


def _is_table(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, BaseModel)


def _choices(kind: Any) -> list[Any]:
    """The values a type spells out; none of other types."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [choice for part in get_args(kind) if get_origin(part) is Literal for choice in get_args(part)]


def _bounds(field: FieldInfo) -> str:
    """``at least 1``, ``above 0``, ``0 to 1``, ``0 to below 1``; nothing where there are none."""
    limits = {
        key: getattr(rule, key) for rule in field.metadata for key in ("gt", "ge", "lt", "le") if hasattr(rule, key)
    }
    low = f"above {limits['gt']}" if "gt" in limits else str(limits.get("ge", ""))
    high = f"below {limits['lt']}" if "lt" in limits else str(limits.get("le", ""))
    if low and high:
        return f"{low} to {high}"
    return low if "gt" in limits else f"at least {low}" if low else high
