"""The only way to request a page of a process or a store: within bounds of time, size and number."""
