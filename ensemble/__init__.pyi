from cli.api.estimators import EnsembleClassifier as EnsembleClassifier
from cli.api.estimators import EnsembleRegressor as EnsembleRegressor
from cli.api.opening import open_project as open
from cli.api.posts import Posts as Posts
from cli.api.predictor import Predictor as Predictor
from cli.api.predictor import load as load
from cli.api.project import Project as Project
from ensemble.errors import EnsembleError as EnsembleError

__version__: str
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
