"""When things happen: the loops, in plain Python that reads like the drawing in hooks.py."""
