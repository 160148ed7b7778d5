"""What `ensemble learners` prints: what each learner is, and its parameters with their meaning."""

from collections.abc import Mapping

from rich.markup import escape
from rich.table import Table

from cli.learner_description import LearnerDescription, ParameterDescription
from cli.tables import console, line


def print_learners(described: Mapping[str, LearnerDescription], named: bool) -> None:
    """Of learners that were ``named`` a line per parameter, of all of them the parameters' names."""
    for name, learner in described.items():
        line(f"{name}: {learner.about.replace('``', '')}")
        if named:
            line("")
            _print_parameters(learner)
        else:
            own = [parameter.name for parameter in learner.parameters if "." not in parameter.name]
            training = ["training"] if len(own) < len(learner.parameters) else []
            line(f"Parameters: {', '.join([*own, *training]) or 'none'}\n")
    if not named:
        line("Every parameter with its default and meaning: ensemble learners NAME")


def _print_parameters(learner: LearnerDescription) -> None:
    drawn = Table(box=None, pad_edge=False)
    for column in ("parameter", "default", "meaning"):
        drawn.add_column(column, justify="left", overflow="fold", no_wrap=column == "parameter")
    for parameter in learner.parameters:
        drawn.add_row(*map(escape, (parameter.name, _default(parameter), _meaning(parameter))))
    console().print(drawn)
    console().print()


def _default(parameter: ParameterDescription) -> str:
    """As TOML has it."""
    if parameter.required:
        return "must be set"
    value = parameter.default
    if value is None:
        return "not set"
    if isinstance(value, tuple | list):
        return f"[{', '.join(f'{part:.3g}' if isinstance(part, float) else str(part) for part in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meaning(parameter: ParameterDescription) -> str:
    return f"{parameter.meaning}  [{parameter.allowed}]" if parameter.allowed else parameter.meaning
