"""Training and running a network, whatever it sees."""
