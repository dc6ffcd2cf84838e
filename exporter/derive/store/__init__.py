"""The external store: the one that the processes use, whole, the same as before."""
