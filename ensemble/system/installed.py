"""Code of other packages by its place, ``package.module:Name``: found among what is installed, and nowhere else.

A module runs when it is imported, before anything can be known of it. So none is imported that merely lies in the
working folder, or in a run folder that came from elsewhere: only what was installed (``pip install``, or that ``-e``).
"""

import hashlib
import json
import re
import site
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module, metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from ensemble.errors import ConfigError, first_line

PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
OWN = Path(__file__).resolve().parents[2]  # where our own packages lie


def package_of(place: str) -> str:
    """The package, as it is imported: ``my_package`` of ``my_package.module:Name``."""
    return place.partition(":")[0].partition(".")[0]


def load_installed(place: str) -> Any:
    """What ``package.module:Name`` names, its module imported and nothing called. Raises ConfigError for a place of
    another form, of a package that is not installed, and for a module that cannot be imported."""
    if not PLACE.fullmatch(place):
        raise ConfigError(f"{place!r} must be of the form 'my_package.module:Name'.")
    module, _, name = place.partition(":")
    with _installed_only():
        _check(place, _spec(place))
        try:
            found = import_module(module)
        except (Exception, SystemExit) as error:
            raise ConfigError(failure(place, error)) from error
        _check(place, found.__spec__)
    if not hasattr(found, name):
        raise ConfigError(f"{place!r}: the module {module} has no {name!r}.")
    return getattr(found, name)


@lru_cache(maxsize=256)
def version_of(place: str) -> str:
    """The installed version of a place's package and a hash of its Python files, as found when first asked: equal where
    its code is."""
    package = package_of(place)
    with _installed_only():
        spec = _spec(place)
        _check(place, spec)
        named = metadata.packages_distributions().get(package, [])
        versions = [f"{name} {metadata.version(name)}" for name in sorted(set(named))]
    digest = hashlib.sha256()
    for root in _origins(spec):
        folder = root.parent if root.name == "__init__.py" else root
        for file in sorted(folder.rglob("*.py")) if folder.is_dir() else [folder]:
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return ", ".join([*versions, f"source {digest.hexdigest()[:16]}"])


def failure(place: str, error: BaseException) -> str:
    """One line for what went wrong in the code of another package: the error, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if package_of(place) in Path(frame.filename).with_suffix("").parts]
    where = f" (line {theirs[-1].lineno} of {theirs[-1].filename})" if theirs else ""
    said, kind = first_line(error), type(error).__name__
    return f"{place!r} failed: {kind if said == kind else f'{kind}: {said}'}{where}."


@contextmanager
def _installed_only() -> Iterator[None]:
    """Inside, modules are found in Python itself, among what is installed, and in our own packages."""
    paths = sysconfig.get_paths()
    known = [*_sites(), *_editable(), Path(paths["stdlib"]).resolve(), Path(paths["platstdlib"]).resolve(), OWN]
    before = sys.path[:]
    sys.path[:] = [entry for entry in before if entry and _within(Path(entry), known)]
    try:
        yield
    finally:
        sys.path[:] = before


def _spec(place: str) -> ModuleSpec | None:
    """Of a place's package, which is not imported for it."""
    package = package_of(place)
    try:
        return None if package == "__main__" else find_spec(package)
    except ValueError:  # Python's word for a module that was made, and came from no file
        return None


def _check(place: str, spec: ModuleSpec | None) -> None:
    """Raises ConfigError where a module is not of an installed package."""
    origins, package = _origins(spec), package_of(place)
    if not origins or not all(_within(origin, [*_sites(), *_editable()]) for origin in origins):
        where = f" (there is one in {origins[0]})" if origins else ""
        raise ConfigError(
            f"{place!r}: {package} is not an installed package{where}; nothing is imported from the working folder or "
            "a run folder. `pip install` it (with -e to work on it), then name it again."
        )


def _origins(spec: ModuleSpec | None) -> list[Path]:
    """The file of a module; of a namespace its folders; nothing of what is built in."""
    if spec is None or spec.origin in ("built-in", "frozen"):
        return []
    return [Path(part) for part in ([spec.origin] if spec.origin else spec.submodule_search_locations or [])]


def _sites() -> list[Path]:
    """The folders that packages are installed into."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [Path(folder).resolve() for folder in (*site.getsitepackages(), *user)]


def _editable() -> list[Path]:
    """The folders of projects that were installed in place, as they are recorded at their installation."""
    found = []
    for distribution in metadata.distributions(path=[str(folder) for folder in _sites()]):
        record = json.loads(distribution.read_text("direct_url.json") or "{}")
        if record.get("dir_info", {}).get("editable"):
            found.append(Path(url2pathname(urlparse(record["url"]).path)).resolve())
    return found


def _within(path: Path, folders: Sequence[Path]) -> bool:
    return any(path.resolve().is_relative_to(folder) for folder in folders)
