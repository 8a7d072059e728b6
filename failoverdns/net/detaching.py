"""Connections that leave Twisted and stay open, so that another process can continue them.

What is waiting in a connection that is about to be closed can be received before.
"""

from __future__ import annotations

import os
from typing import Any


def is_flushed(transport: Any) -> bool:
    """Return whether everything that was written to a connection was given to the kernel."""
    return not transport.dataBuffer and not transport._tempDataBuffer


def detach(transport: Any) -> int:
    """Take a connection away from Twisted and return its descriptor, which the caller owns.

    The peer notices nothing; the protocol of the connection is not told.
    """
    descriptor = os.dup(transport.fileno())
    transport.stopReading()
    transport.stopWriting()
    transport.connected, transport.disconnected = 0, 1
    transport.socket.close()
    return descriptor


def receive(transport: Any) -> None:
    """Receive what has arrived on a connection, before the reactor's turn; it may be nothing."""
    if transport.connected:
        transport.doRead()
