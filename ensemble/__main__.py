"""`python -m ensemble` is the command `ensemble`. Found by name: this layer imports none above it."""

from runpy import run_module

run_module("cli.main", run_name="__main__")
