"""Stores of the state: one interface, and its implementations on disk and in memory."""
