"""UEGD: frozen unimodal encoders under a gated decoder, over text, image, sound and video."""
