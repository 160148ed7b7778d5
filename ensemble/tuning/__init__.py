"""The search for a learner's parameters: trials in a study that processes share, and what is made of the best."""
