"""What every process of ours begins with: the log, and the reactor.

Refuses to know what the process is for.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)


def begin_logging() -> None:
    """Log to standard error: what we say, and what Twisted warns of."""
    threshold = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    threshold.setLogLevelForNamespace("failoverdns", LogLevel.info)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), (threshold,))
    globalLogBeginner.beginLoggingTo((observer,), redirectStandardIO=False)


def take_reactor() -> Any:
    """Return Twisted's reactor, which is installed when it is first imported (epoll on Linux).

    Its timers run by the monotonic clock: by the wall clock, as they do otherwise, a clock that is
    put back an hour would stop every one of them for an hour.
    """
    from twisted.internet import reactor

    chosen: Any = reactor
    chosen.seconds = time.monotonic
    return chosen
