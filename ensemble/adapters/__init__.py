"""The layouts datasets are published in. An adapter is a function ``read(root, **options) -> Dataset``."""

ADAPTERS = {
    "memotion": "ensemble.adapters.memotion:read",
    "mvsa": "ensemble.adapters.mvsa:read",
    "hateful-memes": "ensemble.adapters.hateful_memes:read",
    "csv": "ensemble.adapters.csv:read",
}
