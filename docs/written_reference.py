"""The reference, written from the code: commands, learners, the configuration, stacking, recipes, the Python API.

What stands there is each thing's own word: help texts, docstrings, declared parameters.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from sklearn.pipeline import Pipeline
from typer.testing import CliRunner

from base_models import LEARNERS
from cli.commands import app
from cli.learner_description import ParameterDescription, describe_learners, describe_parameters
from cli.learner_tables import default_of, meaning_of
from ensemble import config
from ensemble.datasets import ADAPTERS
from ensemble.metrics.selection import FAMILIES
from ensemble.registry import arguments_of, resolve
from meta import META_ESTIMATORS, NUMBER_ESTIMATORS
from meta.candidates import StackSpec

MADE = ("ensemble.Posts", "ensemble.Project", "ensemble.Predictor")  # by others, not by their constructors
SECTIONS: dict[str, type[BaseModel]] = {
    "folds": config.Folds,
    "run": config.Run,
    "base.NAME": config.Base,
    "tune.NAME": config.Tune,
    "stack": config.Stack,
    "submit": config.Submit,
}


def write_reference(folder: Path) -> None:
    """All pages; one that would say what it says already is left as it is, so that nothing is built again."""
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        path, text = folder / f"{name}.md", page()
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def commands() -> str:
    """Every command's own help, in the order in which help shows them."""
    names = [name for name, command in typer.main.get_command(app).commands.items() if not command.hidden]  # type: ignore[attr-defined]
    helps = [f"## ensemble {name}\n\n{_block(_help(name))}" for name in names]
    return _page("Commands", "What `ensemble COMMAND --help` prints.", _block(_help()), *helps)


def _help(*words: str) -> str:
    return CliRunner().invoke(app, [*words, "--help"], prog_name="ensemble", env={"COLUMNS": "100"}).output


def learners() -> str:
    """Of each learner what it is, and its parameters."""
    parts = []
    for name in LEARNERS:
        described = describe_learners(LEARNERS, [name])[name]
        parts.append(f"## {name}\n\n{_prose(described.about)}\n\n{_parameters(described.parameters)}")
    about = "`learner` under `[base.NAME]` names one; its parameters stand under `[base.NAME.params]`. "
    return _page("Learners", about + "`ensemble learners NAME` prints the same.", *parts)


def configuration() -> str:
    """The tables of ensemble.toml with their keys, and those that each layout adds to [data]."""
    about = "The keys of `ensemble.toml`. A wrong key, type or value is refused with the place and what would be right."
    parts = [f"## [{name}]\n\n{_docstring(model)}\n\n{_keys(model)}" for name, model in SECTIONS.items()]
    parts.append(f"## [data]\n\n{_docstring(config.Data)}")
    for preset in ADAPTERS:
        adapter = resolve(ADAPTERS, "preset", preset)
        parts.append(f'### preset = "{preset}"\n\n{_docstring(adapter)}\n\n{_keys(arguments_of(adapter))}')
    return _page("Configuration", about, *parts)


def stacking() -> str:
    """Metrics and candidates by name."""
    metrics = [f"### {kind}\n\n{', '.join(f'`{name}`' for name in family.names)}" for kind, family in FAMILIES.items()]
    return _page(
        "Metrics and candidates",
        "`metrics` and `estimators` under `[stack]` name them. Of equal scores the earlier candidate wins.",
        "## Metrics by kind of task",
        *metrics,
        "## Candidates of classes",
        _candidates(META_ESTIMATORS),
        "## Candidates of numbers",
        _candidates(NUMBER_ESTIMATORS),
    )


def _candidates(registry: Mapping[str, str]) -> str:
    spec = StackSpec(learners=2, classes=2, metric="macro_f1", seed=0)
    made = {name: resolve(registry, "candidate", name)(spec) for name in registry}
    last = {name: one[-1] if isinstance(one, Pipeline) else one for name, one in made.items()}
    return _table(("name", "what it is"), [(f"`{name}`", _first_line(type(one))) for name, one in last.items()])


def recipes() -> str:
    """The files that `ensemble init` writes."""
    shipped = sorted(entry.name for entry in files("cli.recipes").iterdir() if entry.name.endswith(".toml"))
    texts = {name: (files("cli.recipes") / name).read_text(encoding="utf-8") for name in shipped}
    parts = [f"## {name.removesuffix('.toml')}\n\n```toml\n{text.rstrip()}\n```" for name, text in texts.items()]
    return _page("Recipes", "What `ensemble init NAME --root FOLDER` writes.", *parts)


def api() -> str:
    """What `import ensemble` offers."""
    import ensemble

    parts = [_object(f"ensemble.{name}", getattr(ensemble, name)) for name in getattr(ensemble, "__all__", ())]
    return _page("Python API", "Everything that is public in Python: `import ensemble`.", *filter(None, parts))


def _object(name: str, found: Any) -> str:
    """A class with its public methods, or a function, each under its signature; nothing of plain values."""
    if not callable(found):
        return ""
    parts = [f"## {name.removeprefix('ensemble.')}\n\n{_signature(name, found)}\n\n{_docstring(found)}"]
    if inspect.isclass(found):
        for method, member in inspect.getmembers(found):
            if not method.startswith("_") and _is_ours(member):
                said = _signature(f"{found.__name__}.{method}", member)
                parts.append(f"### {found.__name__}.{method}\n\n{said}\n\n{_docstring(member)}")
    return "\n\n".join(parts)


def _is_ours(member: Any) -> bool:
    """Whether a class's member is a function or property of this project, not scikit-learn's."""
    function = member.fget if isinstance(member, property) else member
    return callable(function) and getattr(function, "__module__", "").split(".")[0] in {"cli", "ensemble"}


def _signature(name: str, found: Any) -> str:
    """As Python, in which types go by their last name; without arguments where users give none."""
    shown = name
    if not (isinstance(found, property) or (inspect.isclass(found) and (issubclass(found, Exception) or name in MADE))):
        arguments = inspect.signature(found)
        back = arguments.return_annotation
        shown += _arguments(arguments) + (
            "" if inspect.isclass(found) or back is arguments.empty else f" -> {_type(back)}"
        )
    return f"```python\n{shown}\n```"


def _arguments(signature: inspect.Signature) -> str:
    parts = []
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        if name not in ("self", "cls"):
            typed = f"{name}: {_type(parameter.annotation)}" if parameter.annotation is not parameter.empty else name
            default = "" if parameter.default is parameter.empty else f" = {_value(parameter.default)}"
            parts.append(typed + default)
    line = f"({', '.join(parts)})"
    return line if len(line) <= 80 else "(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def _type(annotation: Any) -> str:
    return re.sub(r"(?<![\w.])(?:\w+\.)+(?=\w)", "", inspect.formatannotation(annotation)).replace("'", "")


def _value(default: Any) -> str:
    return f'"{default}"' if isinstance(default, str) else repr(default)


def _parameters(parameters: Iterable[ParameterDescription]) -> str:
    rows = [(f"`{one.name}`", _code(default_of(one)), _cell(meaning_of(one))) for one in parameters]
    return _table(("key", "default", "meaning"), rows) if rows else "Without parameters."


def _keys(model: type[BaseModel]) -> str:
    """What the text above does not say: all keys, their defaults, their bounds."""
    rows = [(f"`{one.name}`", _code(default_of(one)), one.allowed) for one in describe_parameters(model)]
    return _table(("key", "default", "values"), rows)


def _code(value: str) -> str:
    return f"`{value}`" if value else '`""`'


def _docstring(found: Any) -> str:
    return _prose(inspect.getdoc(found) or "")


def _prose(text: str) -> str:
    """As Markdown: what stands in brackets is no link, in braces no role."""
    return re.sub(r"([\[{<|])(?=[^`]*(?:`[^`]*`[^`]*)*$)", r"\\\1", text.replace("``", "`"))


def _first_line(found: Any) -> str:
    return _cell((inspect.getdoc(found) or "").split("\n\n")[0].replace("\n", " "))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _block(text: str) -> str:
    return f"```text\n{text.rstrip()}\n```"


def _page(title: str, *parts: str) -> str:
    return f"# {title}\n\n" + "\n\n".join(parts) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "learners": learners,
    "configuration": configuration,
    "stacking": stacking,
    "recipes": recipes,
    "api": api,
}
