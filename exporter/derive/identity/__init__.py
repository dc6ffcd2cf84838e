"""Which process, member, gossip member and key belong together."""
