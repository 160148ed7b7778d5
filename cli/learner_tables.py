"""What `ensemble learners` prints: what each learner is, and its parameters with their meaning."""

from collections.abc import Mapping, Sequence

from cli.learner_check import Checked
from cli.learner_description import LearnerDescription, ParameterDescription
from cli.tables import line, table


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
    rows = [(parameter.name, _default(parameter), _meaning(parameter)) for parameter in learner.parameters]
    table("", ("parameter", "default", "meaning"), rows, names=3)


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


def print_checked(checked: Sequence[Checked]) -> None:
    """A line per sentence of the contract, and for each that does not hold, why."""
    kinds = list(dict.fromkeys(kind for one in checked for kind in one["kinds"]))

    def cell(one: Checked, kind: str) -> str:
        return "does not" if kind in one["failures"] else "holds" if kind in one["kinds"] else ""

    rows = [(one["sentence"], *(cell(one, kind) for kind in kinds)) for one in checked]
    table("", ("", *kinds), rows)
    for one in checked:
        for kind, reason in one["failures"].items():
            line(f"! {kind}: {one['sentence']} Here: {reason}.")
    broken = sum(bool(one["failures"]) for one in checked)
    line(f"{broken} of {len(checked)} do not hold." if broken else f"All {len(checked)} hold.")
