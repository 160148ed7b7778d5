"""skops, which keeps estimators without pickle, imported without PyTorch and pytest."""

import sys
from types import ModuleType

UNNEEDED = ("sklearn.externals.array_api_compat.torch", "pytest")


def skops_io() -> ModuleType:
    """``skops.io``. To list scikit-learn's estimators it walks through all its packages; one of them imports PyTorch,
    for seconds, another pytest, and neither holds an estimator. The walk passes over what cannot be imported, so that
    these cannot be for as long as it takes."""
    hidden = [name for name in UNNEEDED if "skops.io" not in sys.modules and name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what import takes for "not there"
    try:
        import skops.io
    finally:
        for name in hidden:
            del sys.modules[name]
    return skops.io  # type: ignore[no-any-return]
