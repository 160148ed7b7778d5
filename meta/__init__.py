"""Stacking: meta-estimators on the learners' own probabilities, cross-fitted on the base folds. Never imports torch."""

# Order is preference: of equal scores the earlier, simpler one wins.
META_ESTIMATORS = {
    "soft_vote": "meta.votes:SoftVote",
    "hard_vote": "meta.votes:HardVote",
    "logistic_regression": "meta.estimators:logistic_regression",
    "decision_tree": "meta.estimators:decision_tree",
    "random_forest": "meta.estimators:random_forest",
    "xgboost": "meta.estimators:xgboost",
}
