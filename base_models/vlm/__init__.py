"""Language models that see: one learner for all of them."""
