"""Sockets, TLS, processes and timers, on Twisted.

Nothing here depends on DNS messages, commands or the certificates of applications: callers pass in
the functions that deal with bytes.
"""
