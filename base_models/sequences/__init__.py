"""Sounds, videos and texts as sequences of states of frozen encoders, computed once."""
