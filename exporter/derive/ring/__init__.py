"""One ring: its members, their health, what it may lose, which processes write it."""
