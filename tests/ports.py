"""Free ports on loopback."""

from __future__ import annotations

import random
import socket

FIRST, LAST = 20000, 32767
"""The range of ports to try, below the ephemeral ports that the kernel gives to connections."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free for UDP and TCP at this moment."""
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
