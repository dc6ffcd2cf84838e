"""Which processes there are: static lists, files, HTTP, DNS, Kubernetes, gossip."""
