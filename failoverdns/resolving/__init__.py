"""Resolving: looks up, in the background, the hostnames that flattened groups point at.

Does not decide what is served of them, and with which TTL: the rules do.
"""
