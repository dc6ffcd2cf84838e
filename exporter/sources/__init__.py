"""All that touches a network or a file, within bounds."""
