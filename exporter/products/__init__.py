"""What each product calls its rings, pages, KV clients and settings: one file a product, and the registry."""
