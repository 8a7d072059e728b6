"""Issuing: certificates from a CA over ACME (RFC 8555), with DNS-01 challenges served here.

The code that speaks to the CA blocks, so it runs in threads.  When a certificate is due and which
application may have it are rules.
"""
