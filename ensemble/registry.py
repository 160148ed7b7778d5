"""Names to code: literal tables ``name -> "module:attribute"``, imported on use, arguments checked by signature.

Of learners and of layouts of data other packages may have more: their name is their place, ``my_package.module:Name``.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache, partial
from importlib import import_module
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from ensemble.errors import ConfigError, first_line, unknown
from ensemble.system.installed import load_installed

SHOWN = 80  # characters of a wrong value
OPEN = ("learner", "preset")  # the kinds that other packages may have more of


def is_foreign(registry: Mapping[str, str], name: str) -> bool:
    """Whether a name is a place in another package."""
    return name not in registry and ":" in name


def resolve(registry: Mapping[str, str], kind: str, name: str) -> Callable[..., Any]:
    """The class or function behind a name; raises ConfigError with a suggestion for an unknown one. That of another
    package may be anything: who resolves it checks it before it is called."""
    if kind in OPEN and is_foreign(registry, name):
        return load_installed(name)  # type: ignore[no-any-return]
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
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items()
        if name != "root"
    }
    rules = ConfigDict(extra="forbid", strict=False, allow_inf_nan=False)
    return create_model("Arguments", __config__=rules, **fields)


def wrong_arguments(function: Callable[..., Any]) -> str | None:
    """What keeps a function or class of another package from being bound: an argument that has no name or no type; in
    words, None where nothing does."""
    try:
        parameters = inspect.signature(function, eval_str=True).parameters
        for name, parameter in parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                return f"takes {parameter}; it may only take keyword arguments that are named"
            if parameter.annotation is parameter.empty:
                return f"does not say of which type its argument {name!r} is"
        arguments_of(function)
    except Exception as error:  # a name in an annotation that is none, a type that nothing can be checked by
        return f"has arguments that cannot be checked: {first_line(error)}"
    return None


def validate(model: type[BaseModel], value: object, where: str) -> Any:
    """An instance of ``model``; raises ConfigError naming the first wrong key, what was found, what would be right."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        first = next((one for one in errors if one["type"] == "extra_forbidden"), None) or _nearest(value, errors)
        path = [str(part) for part in _inside(value, first)]
        place = ".".join(part for part in (where, *path) if part)
        if first["type"] == "extra_forbidden":
            table = ".".join(part for part in (where, *path[:-1]) if part)
            raise ConfigError(unknown(f"{table} key".strip(), path[-1], _fields(model, path[:-1]))) from error
        if first["type"] == "missing":
            raise ConfigError(f"{place} is missing; it must be set.") from error
        if first["type"] == "value_error":  # of several keys together: the sentence says it all
            raise ConfigError(f"{place}: {first['msg'].removeprefix('Value error, ')}.") from error
        right = dict.fromkeys(_sentence(one) for one in errors if [*map(str, _inside(value, one))] == path)
        said = " or ".join(right).replace(" or must be ", " or ")
        raise ConfigError(f"{place} = {_shown(first['input'])}: {said}.") from error


RIGHT = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a finite number",
    "bool": "must be true or false",
    "string_too": "must not be empty",
    "string_type": "must be a text in quotes",
    "path": "must be a path in quotes",
    "list": "must be a list in [ ]",
    "tuple": "must be a list in [ ]",
    "sequence": "must be a list in [ ]",
    "is_instance": "must be a list in [ ]",
    "dict": "must be a table of keys and values",
    "mapping": "must be a table of keys and values",
    "model": "must be a table of keys and values",
    "literal": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "too_short": "must have {min_length} or more entries",
    "too_long": "must have {max_length} or fewer entries",
}  # what a value must be, by how pydantic's kind of error begins


def _sentence(error: ErrorDetails) -> str:
    said = next((said for kind, said in RIGHT.items() if error["type"].startswith(kind)), None)
    if said is None:
        return error["msg"][:1].lower() + error["msg"][1:].rstrip(".")
    facts = {name: f"{fact:g}" if isinstance(fact, float) else fact for name, fact in error.get("ctx", {}).items()}
    right = said.format(**facts)
    if error["type"] == "literal_error":
        close = get_close_matches(str(error["input"]), re.findall(r"'([^']*)'", right), n=1)
        right += f" (did you mean {close[0]!r}?)" if close else ""
    return right


def _nearest(value: object, errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """Of the alternatives at the first wrong place the one that fits furthest: a table with a wrong key is no list."""
    place = _inside(value, errors[0])
    alternatives = [one for one in errors if _inside(value, one)[: len(place)] == place]
    return max(alternatives, key=lambda one: (len(_inside(value, one)), one["type"] == "value_error"))


def _inside(value: object, error: ErrorDetails) -> tuple[int | str, ...]:
    """Where an error is, by keys and positions, without the names that pydantic gives the alternatives of a type."""
    path, missing = (error["loc"][:-1], error["loc"][-1:]) if error["type"] == "missing" else (error["loc"], ())
    found: list[int | str] = []
    for part in path:
        if isinstance(value, Mapping):
            known = part in value
        else:
            known = isinstance(part, int) and isinstance(value, Sequence) and part < len(value)
        if known:
            found.append(part)
            value = value[part]  # type: ignore[index]
    return (*found, *missing)


def _shown(value: object) -> str:
    said = str(value).lower() if isinstance(value, bool) else repr(value)
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}..."


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that would be right at a path inside nested models."""
    current: Any = model
    for part in path:
        field = current.model_fields.get(part) if hasattr(current, "model_fields") else None
        current = _model_of(current if field is None else field.annotation)
    return list(getattr(current, "model_fields", {}))


def _model_of(annotation: Any) -> Any:
    """The first model inside a type, such as of a mapping to lists or models; None where there is none."""
    if hasattr(annotation, "model_fields"):
        return annotation
    inner = map(_model_of, getattr(annotation, "__args__", ()))
    return next((model for model in inner if model is not None), None)
