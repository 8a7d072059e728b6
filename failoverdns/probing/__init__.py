"""Probing: check web heads from this host, over the network or by a program, and report results.

Does not decide whether a head is up, nor what follows from it: the rules do.
"""
