"""What the tests of probing share."""

from collections.abc import Iterator

import pytest
from heads import Probed


@pytest.fixture
def probed() -> Iterator[Probed]:
    """A prober."""
    made = Probed()
    yield made
    made.prober.stop()
