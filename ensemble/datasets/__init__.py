"""The layouts datasets are published in. An adapter is a function ``read(root, **options) -> Dataset``.

Its options are the other keys of ``[data]``; its name there is the ``preset``. `ensemble init` knows recipes, which are
files of cli/recipes, and of one adapter there may be several or none.
"""

ADAPTERS = {
    "memotion": "ensemble.datasets.memotion:read",
    "mvsa": "ensemble.datasets.mvsa:read",
    "hateful-memes": "ensemble.datasets.hateful_memes:read",
    "cmu": "ensemble.datasets.cmu:read",
    "csv": "ensemble.datasets.csv:read",
}
