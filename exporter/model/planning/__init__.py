"""The vocabulary of plans, and of what is kept of a migration."""
