"""Conclusions: one cycle's reading, and the one before, become a judgement. Pure; time is an argument."""
