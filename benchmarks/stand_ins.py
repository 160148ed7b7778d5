"""What stands in for packages that a machine without a network may lack: enough to train and to predict, no more.

pydantic's models are made here without any check, so configurations are to be right; the other packages are names to
import, and whoever asks them for anything is told what is not there.
"""

import sys
from collections.abc import Callable, Collection
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, ClassVar, get_origin

NAMES = (
    *("pydantic", "pydantic_core"),  # configurations
    *("pyarrow", "pyarrow.parquet"),  # tables
    *("av", "h5py", "charset_normalizer", "py3langid"),  # contents
)


class Blind:
    """A finder of modules that does not see some packages."""

    def __init__(self, finder: Any, names: Collection[str]) -> None:
        self.finder, self.names = finder, names

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self.names:
            return None
        found: ModuleSpec | None = self.finder.find_spec(name, path, target)
        return found


def install(absent: Collection[str] = ()) -> list[str]:
    """Put stand-ins where packages are missing, and where they are to count as ``absent``; their names."""
    if absent:
        sys.meta_path[:] = [Blind(finder, absent) for finder in sys.meta_path]
    missing = [name for name in NAMES if find_spec(name.partition(".")[0]) is None]
    for name in missing:
        module = sys.modules[name] = Absent(name)
        if name == "pydantic":
            vars(module).update({of: globals()[of] for of in PYDANTIC})
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], own, module)
    return missing


class Absent(ModuleType):
    """A module that is not here; its classes, which annotations name, are nothing, its functions refuse."""

    __version__ = "0"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name[:1].isupper():
            return type(name, (Exception,), {})

        def refuse(*_: Any, **__: Any) -> None:
            raise ModuleNotFoundError(f"{self.__name__} is not installed here; {name} was asked of it")

        return refuse


class FieldInfo:
    """A default and, for whoever checks, bounds."""

    def __init__(self, default: Any = ..., **_: Any) -> None:
        self.default = default


class BaseModel:
    """Fields by annotation, with defaults; frozen by nobody, checked by nobody but for their names."""

    model_fields_set: set[str]

    def __init__(self, **values: Any) -> None:
        fields = self._fields()
        if unknown := sorted(values.keys() - fields):
            raise TypeError(f"{type(self).__name__} has no {', '.join(unknown)}")
        for name, default in fields.items():
            setattr(self, name, values.get(name, default))
        self.model_fields_set = set(values)

    @classmethod
    def _fields(cls) -> dict[str, Any]:
        names = {
            name: None
            for of in reversed(cls.__mro__)
            for name, kind in vars(of).get("__annotations__", {}).items()
            if get_origin(kind) is not ClassVar and kind is not ClassVar and not name.startswith("model_")
        }
        found = {name: getattr(cls, name, ...) for name in names}
        return {name: value.default if isinstance(value, FieldInfo) else value for name, value in found.items()}

    @classmethod
    def model_validate(cls, values: Any) -> Any:
        return values if isinstance(values, cls) else cls(**values)

    def model_copy(self, update: dict[str, Any]) -> Any:
        return type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **update})

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields()}


def unchecked(*_: Any, **__: Any) -> Callable[[Any], Any]:
    """A decorator of validators: they are never called."""
    return lambda function: function


class AfterValidator:
    def __init__(self, function: Any) -> None:
        self.function = function


Field, ConfigDict = FieldInfo, dict
BeforeValidator = PlainValidator = AfterValidator
field_validator = model_validator = field_serializer = model_serializer = create_model = unchecked
PYDANTIC = (
    *("BaseModel", "Field", "ConfigDict", "AfterValidator", "BeforeValidator", "PlainValidator"),
    *("field_validator", "model_validator", "field_serializer", "model_serializer", "create_model"),
)
