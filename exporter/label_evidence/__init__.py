"""What shows whether a gossip label is enforced, beyond the pages: rejected packets in logs, and pings."""
