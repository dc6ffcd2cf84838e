"""Is the secondary a true and fresh copy, and does every process see the same ring?"""
