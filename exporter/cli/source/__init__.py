"""Where a command's snapshot comes from: a cluster read by itself, or a running exporter."""
