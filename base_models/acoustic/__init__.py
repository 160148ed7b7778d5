"""Base learners and encoders that hear the sound."""
