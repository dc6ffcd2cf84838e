"""The cycle: which pages of which process are read when, and what is remembered of a process."""
