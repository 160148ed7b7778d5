"""The core contracts: data, folds, predictions, metrics, the run folder. Knows no model library."""
