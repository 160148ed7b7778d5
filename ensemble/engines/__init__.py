"""Where jobs run besides this process: each engine attempts them, and leaves what came of them in the run folder."""
