"""The values that everything else works on: frozen, and named in the words of DNS and failover.

Imports the standard library only, and has no packets, files, sockets or clocks.
"""
