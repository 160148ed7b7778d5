"""What every base learner keeps: checks that run it on small posts, for the tests and for `ensemble check-learner`."""
