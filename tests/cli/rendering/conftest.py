"""A console whose applications are checked, for tests of printed results."""

from __future__ import annotations

import pytest
from console import Console

from failoverdns.model.health import Cause, ProbeResult

REFUSED = ProbeResult(Cause.REFUSED, "port 80: refused", 0.0)
CONNECTED = ProbeResult(None, "connected", 0.0125)


@pytest.fixture
def checked(console: Console) -> Console:
    """Return a console: `eu` has two checks and refuses connections; `us` has one and is up."""
    console.do("application set eu --check web --check beat", "application set us --check web")
    console.see("eu", "web", REFUSED)
    console.see("us", "web", CONNECTED)
    return console
