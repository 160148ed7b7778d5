"""A learner trained with several seeds: the mean of the metrics, as papers report it, and the averaged predictions."""

from collections.abc import Mapping

from ensemble.data import Task
from ensemble.jobs.train import predictions_by_seed
from ensemble.predictions import mean
from ensemble.run import Run
from ensemble.scoring import ScoreCard, score_card

SeedScores = Mapping[str, ScoreCard]  # by part: "oof", "dev", "test"


def seed_scores(run: Run, learner: str, task: Task) -> SeedScores:
    """Cards of the averaged predictions with those of each seed's, of all rows that have labels; nothing of a learner
    of one seed, or of one that was imported."""
    if len(run.seeds) < 2 or learner not in run.learners.names():
        return {}
    inside, outside = predictions_by_seed(run, learner, task)
    plan = run.plan
    parts = {"oof": (plan.cv_rows, inside), "dev": (plan.dev_rows, outside), "test": (plan.test_rows, outside)}
    cards = {
        part: score_card(task, mean(by_seed), run.data.take(rows), seeds=by_seed)
        for part, (rows, by_seed) in parts.items()
        if len(rows)
    }
    return {part: card for part, card in cards.items() if card["rows"]}
