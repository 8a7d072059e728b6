"""Where state outlives a process: one interface, and the stores behind it.

Knows `model`.
Refuses to know why anything changes, and what DNS makes of it.
"""
