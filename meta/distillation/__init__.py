"""Distillation: one small model that learns what a stack says, and predicts in its place."""
