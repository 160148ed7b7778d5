"""Base learners and encoders that see the image."""
