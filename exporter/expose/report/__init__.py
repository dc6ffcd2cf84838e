"""The evidence of a migration as one file: each state from when to when, and what was unknown."""
