"""The start of every process of the server: the log, and the reactor."""

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
    """Log to standard error: our messages from level info on, and Twisted's from warn on."""
    threshold = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    threshold.setLogLevelForNamespace("failoverdns", LogLevel.info)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), (threshold,))
    globalLogBeginner.beginLoggingTo((observer,), redirectStandardIO=False)


def take_reactor() -> Any:
    """Return Twisted's reactor, with timers that use the monotonic clock.

    Twisted's default is the wall clock: if that is set back by an hour, all timers stop for an
    hour.  The reactor is installed when it is first imported (epoll on Linux).
    """
    from twisted.internet import reactor

    chosen: Any = reactor
    chosen.seconds = time.monotonic
    return chosen
