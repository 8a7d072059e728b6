"""Issuing: certificates from a CA over ACME (RFC 8555), with challenges answered by our own DNS.

Knows the CA's side of it, and blocks: whatever is here is called in a thread.
Refuses to know the table, the state and when something is to be issued.
"""
