"""May we take the next step?"""
