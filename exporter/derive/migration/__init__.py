"""Where are we, what endangers the next step, and how to roll back?"""
