"""Sockets, TLS, processes and timers, on Twisted: how bytes come and go.

Nothing here knows DNS, commands or certificates of applications: what is done with bytes is done
by what a caller passes in.
"""
