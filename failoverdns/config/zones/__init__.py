"""The zones of the configuration, with their records and zone files."""
