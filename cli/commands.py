"""All subcommands, in the order in which help shows them."""

from cli import start, training, tuning, layers, upkeep, stacking, distilling, operating  # noqa: F401, I001
from cli.app import app

__all__ = ["app"]
