"""The simulated cluster: a pure model with its own clock and seed."""
