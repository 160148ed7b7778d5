"""Scores by name, and how sure they are."""

from ensemble.metrics.classes import METRICS as METRICS
from ensemble.metrics.labels import PerClass as PerClass
from ensemble.metrics.labels import confusion_matrices as confusion_matrices
from ensemble.metrics.labels import per_class as per_class
from ensemble.metrics.metric import CHUNK as CHUNK
from ensemble.metrics.metric import DRAWS as DRAWS
from ensemble.metrics.metric import LEVEL as LEVEL
from ensemble.metrics.metric import Metric as Metric
from ensemble.metrics.metric import bootstrap as bootstrap
from ensemble.metrics.metric import bootstraps as bootstraps
from ensemble.metrics.metric import confusion_matrix as confusion_matrix
from ensemble.metrics.metric import interval as interval
from ensemble.metrics.metric import resamples as resamples
from ensemble.metrics.metric import score as score
from ensemble.metrics.numbers import NUMBER_METRICS as NUMBER_METRICS
from ensemble.metrics.selection import metric_named as metric_named
from ensemble.metrics.selection import metric_of as metric_of
from ensemble.metrics.selection import metrics_of as metrics_of
from ensemble.metrics.selection import sign_named as sign_named
from ensemble.metrics.selection import spelled as spelled
from ensemble.metrics.selection import with_interval as with_interval
