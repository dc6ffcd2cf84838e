"""Commands about the next step in full, and about the evidence of all steps."""
