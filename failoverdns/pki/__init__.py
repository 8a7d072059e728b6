"""Certificates, chains and private keys: read, checked and compared, never stored here."""
