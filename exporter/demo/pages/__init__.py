"""What the simulated processes answer, as real processes print it."""
