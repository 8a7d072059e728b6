"""SOCKETS AND TIMERS, on Twisted.

Knows how bytes come and go.
Refuses to decide anything: what a packet or a command gets is told by what it is given to call.
"""
