"""Properties of the judgement over recorded clusters: what fewer pages, and one process, can change."""
