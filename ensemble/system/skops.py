"""skops, which keeps estimators without pickle, imported without PyTorch."""

import sys
from types import ModuleType

THROUGH_TORCH = "sklearn.externals.array_api_compat.torch"


def skops_io() -> ModuleType:
    """``skops.io``. To list scikit-learn's estimators it walks through all its packages; one of them imports PyTorch,
    for seconds, and holds no estimator. The walk passes over what cannot be imported, so that one cannot be for as long
    as it takes."""
    hidden = "skops.io" not in sys.modules and THROUGH_TORCH not in sys.modules
    if hidden:
        sys.modules[THROUGH_TORCH] = None  # type: ignore[assignment]  # what import takes for "not there"
    try:
        import skops.io
    finally:
        if hidden:
            del sys.modules[THROUGH_TORCH]
    return skops.io  # type: ignore[no-any-return]
