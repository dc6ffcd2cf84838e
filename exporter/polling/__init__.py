"""The cycle: which pages of which process are read when, and the state kept of a process."""
