"""One module a group of alerts."""
