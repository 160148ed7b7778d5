"""Base learners and encoders that read the text."""
