"""Faces in pictures: three small networks that find them, and frames cut to them."""
