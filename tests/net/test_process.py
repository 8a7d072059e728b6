"""The reactor of every process of the server."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import time
from failoverdns.net.process import take_reactor

reactor = take_reactor()
call = reactor.callLater(5, print)
print(reactor.seconds() - time.monotonic(), call.getTime() - time.monotonic())
"""


def test_changing_the_clock_moves_no_timer() -> None:
    """Timers use the monotonic clock, which cannot be set."""
    words = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    now, due = map(float, done.stdout.split())
    assert abs(now) < 60
    assert -60 < due <= 5.1
