"""The cause that an error of a socket stands for, and how a peer's words are shown."""

from __future__ import annotations

import errno
import os

import pytest

from failoverdns.model.health import Cause
from failoverdns.probing.verdict import ProbeVerdict, verdict_of


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ECONNREFUSED, Cause.REFUSED),
        (errno.ECONNRESET, Cause.RESET),
        (errno.EPIPE, Cause.RESET),
        (errno.ETIMEDOUT, Cause.TIMEOUT),
        (errno.ENETUNREACH, Cause.UNREACHABLE),
        (errno.EHOSTUNREACH, Cause.UNREACHABLE),
        (errno.EADDRNOTAVAIL, Cause.UNREACHABLE),
        (errno.EPERM, Cause.UNREACHABLE),
        (errno.EMFILE, Cause.UNREACHABLE),
    ],
)
def test_each_error_has_its_cause(number: int, cause: Cause) -> None:
    """And words, with what the probe was doing."""
    text = os.strerror(number)
    fault = OSError(number, text)
    assert verdict_of(fault, "connecting") == ProbeVerdict(cause, f"connecting: {text}")
    assert verdict_of(OSError(number, None), "connecting") == ProbeVerdict(
        cause, f"connecting: {text}"
    )
