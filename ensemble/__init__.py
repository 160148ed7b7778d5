"""The core contracts: data, folds, predictions, metrics, the run folder. Knows no model library.

For users it is also the door to the Python interface: these names are of ``cli.api``, found on first use, so that
``import ensemble`` loads nothing. Inside the package nobody takes them from here.
"""

from importlib import import_module

__version__ = "0.1.0"
PUBLIC = {
    "EnsembleClassifier": "cli.api.estimators:EnsembleClassifier",
    "EnsembleError": "ensemble.errors:EnsembleError",
    "EnsembleRegressor": "cli.api.estimators:EnsembleRegressor",
    "Posts": "cli.api.posts:Posts",
    "Predictor": "cli.api.predictor:Predictor",
    "Project": "cli.api.project:Project",
    "load": "cli.api.predictor:load",
    "open": "cli.api.opening:open_project",
}
__all__ = [
    "EnsembleClassifier",
    "EnsembleError",
    "EnsembleRegressor",
    "Posts",
    "Predictor",
    "Project",
    "__version__",
    "load",
    "open",
]


def __getattr__(name: str) -> object:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = PUBLIC[name].partition(":")
    found: object = getattr(import_module(module), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
