"""Certificates, chains and private keys: read, check and compare them (not store them)."""
