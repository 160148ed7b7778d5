"""What to know before hours are spent: what was assumed of the table, lost media, what weighs on the folds."""

from cli.session import Session


def doubts(session: Session) -> list[str]:
    """A line each; raises what opening the run raises."""
    from ensemble.content.copy_notes import copy_notes
    from ensemble.modalities import get_modality

    lost = []
    for name, scan in session.scans.items():
        problems, given = scan.problems, int(scan.frame["path"].notna().sum())
        if len(problems):
            first = f"{problems['path'].iloc[0]}: {problems['problem'].iloc[0]}"
            what = f"{len(problems)} of {given} {get_modality(name).plural}"
            lost.append(f"{what} cannot be used; these posts go without ({first})")
    plan = session.run.plan
    folds = session.given_folds.notes if session.given_folds else []
    return [
        *session.data.notes,
        *lost,
        *folds,
        *copy_notes(session.data, plan.frame["group"].to_numpy(), plan.settings.k),
    ]
