"""Stacking: meta-estimators on the learners' own probabilities, cross-fitted on the base folds. Never imports torch."""

# Order is preference: of equal scores the earlier, simpler one wins. An estimator whose class is our own stands in
# TRUSTED of meta.fitting, too; otherwise the finished stack cannot be loaded.
META_ESTIMATORS = {
    "best_single": "meta.candidates:best_single",
    "soft_vote": "meta.candidates:soft_vote",
    "hard_vote": "meta.candidates:hard_vote",
    "log_odds_mean": "meta.candidates:log_odds_mean",
    "rank_mean": "meta.candidates:rank_mean",
    "simplex": "meta.candidates:simplex",
    "greedy": "meta.candidates:greedy",
    "logistic_regression": "meta.candidates:logistic_regression",
    "decision_tree": "meta.candidates:decision_tree",
    "random_forest": "meta.candidates:random_forest",
    "xgboost": "meta.candidates:xgboost",
}

# What every other candidate has to beat beyond noise.
SIMPLE = ("best_single", "soft_vote")

# The same where the target is a number.
NUMBER_ESTIMATORS = {
    "best_single": "meta.regressors:best_single",
    "mean": "meta.regressors:mean",
    "median": "meta.regressors:median",
    "simplex": "meta.regressors:simplex",
    "greedy": "meta.regressors:greedy",
    "ridge": "meta.regressors:ridge",
    "decision_tree": "meta.regressors:decision_tree",
    "random_forest": "meta.regressors:random_forest",
    "xgboost": "meta.regressors:xgboost",
}
SIMPLE_NUMBERS = ("best_single", "mean")
