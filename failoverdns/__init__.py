"""An authoritative DNS server whose names follow the traffic of failover groups."""

__version__ = "0.1.0"
