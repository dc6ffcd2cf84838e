"""Which process, member, gossip member and key is which, and whose."""
