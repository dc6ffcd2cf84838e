"""The checks of the gate, one file a subject."""
