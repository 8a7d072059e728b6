"""A resolver for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nameserver import NameServer


@pytest.fixture
def resolver() -> Iterator[NameServer]:
    """Return a name server that answers as a resolver does, and stop it after the test."""
    running = NameServer()
    try:
        yield running
    finally:
        running.close()
