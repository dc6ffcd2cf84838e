"""The one way to ask a process or a store: within bounds of time, size and number."""
