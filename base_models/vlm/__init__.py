"""Language models that see: one network of every family of images and text, and of text alone."""
