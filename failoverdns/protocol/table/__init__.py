"""The table of all names that are served, and the deltas that change it."""
