"""The layouts datasets are published in. An adapter is a function ``read(root, **options) -> Dataset``."""

ADAPTERS = {
    "memotion": "ensemble.datasets.memotion:read",
    "mvsa": "ensemble.datasets.mvsa:read",
    "hateful-memes": "ensemble.datasets.hateful_memes:read",
    "csv": "ensemble.datasets.csv:read",
}
