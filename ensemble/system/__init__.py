"""Files, processes, signals: what every program needs of the machine it runs on; knows nothing of posts."""
