"""Probing: look at web heads from here, over the network or by a program, and tell what was found.

Refuses to decide what follows from it, and whether a head is up: these are rules.
"""
