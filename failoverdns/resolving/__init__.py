"""Resolving: what hostnames of flattened groups point at, found out beside the path of queries.

Refuses to decide what is served of it, and with which TTL: these are rules.
"""
