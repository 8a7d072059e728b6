"""A console in which applications are checked, for what people read."""

from __future__ import annotations

import pytest
from console import Console

from failoverdns.model.health import Cause, ProbeResult

REFUSED = ProbeResult(Cause.REFUSED, "port 80: refused", 0.0)
CONNECTED = ProbeResult(None, "connected", 0.0125)


@pytest.fixture
def checked(console: Console) -> Console:
    """`eu` is checked in two ways and refuses connections; `us` is checked and up."""
    console.do("application set eu --check web --check beat", "application set us --check web")
    console.see("eu", "web", REFUSED)
    console.see("us", "web", CONNECTED)
    return console
