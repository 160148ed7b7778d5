"""Joint learners: networks that see text and image together."""
