"""Estimators are read and written without waiting for PyTorch or pytest."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.alone

SAYS = """
import sys
from ensemble.system.skops import UNNEEDED, skops_io
skops = skops_io()
print("torch" in sys.modules, bool(set(UNNEEDED) & set(sys.modules)))
from skops.io import _trusted_types as ours
names = set(ours.SKLEARN_ESTIMATOR_TYPE_NAMES)
from sklearn.utils import all_estimators
import torch
print(names == {ours.get_type_name(kind) for _, kind in all_estimators() if kind.__module__.startswith("sklearn.")})
import sklearn.externals.array_api_compat.torch, pytest
"""


def test_skops_comes_without_torch_and_trusts_the_same_estimators() -> None:
    """And what was hidden from it can be imported afterwards."""
    said = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, check=True).stdout.split()
    assert said == ["False", "False", "True"]
