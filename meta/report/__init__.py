"""The report of a run: facts gathered once, then drawn as one page."""
