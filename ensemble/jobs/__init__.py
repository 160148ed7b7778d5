"""The jobs of a run: a learner on a fold, and all of them, here, in several processes or on a cluster."""
