"""What the simulated processes answer, as the real ones print it."""
