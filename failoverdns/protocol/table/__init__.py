"""The table of all served names, and the deltas that change it."""
