"""Fixtures of the tests of probing."""

from collections.abc import Iterator

import pytest
from heads import Probed


@pytest.fixture
def probed() -> Iterator[Probed]:
    """A prober that probes once for each call."""
    made = Probed()
    yield made
    made.prober.stop()
