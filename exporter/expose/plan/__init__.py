"""The plan of the next step as people and programs read it."""
