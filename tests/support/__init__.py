"""What tests are built from: drawn posts, toy learners, tiny networks, finished runs."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
REFERENCE = TESTS / "support" / "reference"
SHARED = ROOT.parent / "shared"  # published datasets and weights, where they lie beside the checkout
