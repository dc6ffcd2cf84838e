"""The evidence of a migration as one file: what was seen, from when to when, and what was unknown."""
