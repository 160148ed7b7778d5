"""Configurations that `ensemble init` writes: one TOML per dataset preset or paper."""
