"""What every process of ours begins with."""

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


def test_a_clock_that_is_put_back_or_forward_moves_no_timer() -> None:
    """Timers run by the monotonic clock, which nobody sets."""
    words = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    now, due = map(float, done.stdout.split())
    assert abs(now) < 60
    assert -60 < due <= 5.1
