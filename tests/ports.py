"""Ports that nobody has."""

from __future__ import annotations

import random
import socket

FIRST, LAST = 20000, 32767
"""Below those that the system gives to connections: one of another test may come from any
of these."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, for UDP and TCP."""
    for _ in range(1000):
        port = random.randint(FIRST, LAST)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        ):
            try:
                udp.bind(("127.0.0.1", port))
                tcp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free for both UDP and TCP")
