"""A running server for each test, which is killed when the test ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from system.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server with an empty state."""
    running = Server(tmp_path)
    try:
        yield running.start()
    finally:
        running.kill()


@pytest.fixture
def demo(server: Server) -> Server:
    """Add the group `shop` to a server."""
    server.load_demo()
    return server
