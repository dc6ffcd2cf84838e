"""What exactly is the next step? Made of what the processes show and of the products' tables."""
