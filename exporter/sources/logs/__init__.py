"""Lines of logs: files, pods, Loki."""
