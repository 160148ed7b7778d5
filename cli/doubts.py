"""What to know before hours are spent: what was assumed of the table, lost images, what weighs on the folds."""

from cli.session import Session


def doubts(session: Session) -> list[str]:
    """A line each; raises what opening the run raises."""
    from ensemble.content.copy_notes import copy_notes

    images = session.scans["image"]
    problems, given = images.problems, int(images.frame["path"].notna().sum())
    lost = []
    if len(problems):
        first = f"{problems['path'].iloc[0]}: {problems['problem'].iloc[0]}"
        lost = [f"{len(problems)} of {given} images cannot be used; these posts go without ({first})"]
    plan = session.run.plan
    folds = session.given_folds.notes if session.given_folds else []
    return [
        *session.data.notes,
        *lost,
        *folds,
        *copy_notes(session.data, plan.frame["group"].to_numpy(), plan.settings.k),
    ]
