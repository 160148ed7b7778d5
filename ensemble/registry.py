"""Names to code: literal tables ``name -> "module:attribute"``, imported on use, arguments checked by signature."""

import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from ensemble.errors import ConfigError, unknown


def resolve(registry: Mapping[str, str], kind: str, name: str) -> Callable[..., Any]:
    """The class or function behind a name; raises ConfigError with a suggestion for an unknown one."""
    if name not in registry:
        raise ConfigError(unknown(kind, name, registry))
    module, _, attribute = registry[name].partition(":")
    found: Callable[..., Any] = getattr(import_module(module), attribute)
    return found


def bind(function: Callable[..., Any], arguments: Mapping[str, object], where: str) -> Callable[..., Any]:
    """The call with these keyword arguments, checked against the signature's names, types and declared bounds.

    ``where`` is the place in the configuration, for the message. Arguments the signature calls ``root`` are the
    caller's to add. Raises ConfigError for an unknown, missing, ill-typed or out-of-bounds argument.
    """
    checked = validate(arguments_of(function), arguments, where)
    return partial(function, **{name: getattr(checked, name) for name in arguments})


@lru_cache(maxsize=256)
def arguments_of(function: Callable[..., Any]) -> type[BaseModel]:
    """The model that checks a call's arguments: their types, and what ``Annotated[type, Field(...)]`` says of bounds
    and meaning. Of every learner's every task the same, and slow to make."""
    fields: dict[str, Any] = {
        name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "root"
    }
    rules = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)
    return create_model("Arguments", __config__=rules, **fields)


def validate(model: type[BaseModel], value: object, where: str) -> Any:
    """An instance of ``model``; raises ConfigError naming the first wrong key, what was found, what would be right."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        *path, key = (str(part) for part in first["loc"]) if first["loc"] else ("",)
        place = ".".join(part for part in (where, *path, key) if part)
        if first["type"] == "extra_forbidden":
            table = ".".join(part for part in (where, *path) if part)
            raise ConfigError(unknown(f"{table} key".strip(), key, _fields(model, path))) from error
        if first["type"] == "missing":
            raise ConfigError(f"{place} is missing; it must be set.") from error
        if first["type"] == "value_error":  # of several keys together: the sentence says it all
            raise ConfigError(f"{place}: {first['msg'].removeprefix('Value error, ')}.") from error
        raise ConfigError(f"{place} = {first['input']!r}: {_lower(first['msg'])}.") from error


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that would be right at a path inside nested models."""
    current: Any = model
    for part in path:
        field = current.model_fields.get(part) if hasattr(current, "model_fields") else None
        current = current if field is None else field.annotation
        arguments = [a for a in getattr(current, "__args__", ()) if hasattr(a, "model_fields")]
        current = arguments[0] if arguments else current
    return list(getattr(current, "model_fields", {}))


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")
