"""Break the package in small ways, one at a time, and see whether the tests detect it."""
