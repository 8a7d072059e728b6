"""The table of all names that are served, in pure Python and in C, and the deltas that change it."""
