"""A running server for each test, ended whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from system.server import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with nothing in it."""
    running = Server(tmp_path)
    try:
        yield running.start()
    finally:
        running.kill()


@pytest.fixture
def demo(server: Server) -> Server:
    """A server with the group `shop`."""
    server.load_demo()
    return server
