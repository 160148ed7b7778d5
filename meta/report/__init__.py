"""The report of a run: facts gathered once, drawn as one page that needs no network."""
