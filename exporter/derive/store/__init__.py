"""The external store: is it the processes' store, complete, and the same as before?"""
