"""What is asked of a post: tasks, and one file per kind of target, which owns what its labels and predictions are."""

from ensemble.targets.classes import Classification
from ensemble.targets.number import Regression
from ensemble.targets.task import RESERVED as RESERVED
from ensemble.targets.task import TARGETS as TARGETS
from ensemble.targets.task import Codes as Codes
from ensemble.targets.task import Floats as Floats
from ensemble.targets.task import Labels as Labels
from ensemble.targets.task import Mask as Mask
from ensemble.targets.task import Target as Target
from ensemble.targets.task import Task as Task

TARGETS |= {"classification": Classification(), "regression": Regression()}
