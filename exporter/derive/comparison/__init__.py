"""Is the secondary a correct and current copy, and does every process show the same ring?"""
