"""Operating points: thresholds, a band for review, costs; chosen on out-of-fold probabilities, applied to new posts."""
