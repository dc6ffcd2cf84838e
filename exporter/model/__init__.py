"""The vocabulary of every room, frozen: what was read, and what was concluded."""
