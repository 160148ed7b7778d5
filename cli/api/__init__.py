"""The Python interface: what `import ensemble` offers, on the same sessions as the commands."""
