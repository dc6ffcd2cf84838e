"""One ring: its members, their health, what it may lose, who writes it."""
