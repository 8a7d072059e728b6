"""Drive coroutines on Twisted."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

log = Logger()


def spawn(coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
    """Drive a coroutine to its end; what it raises is a defect of ours, and goes to the log."""
    running = Deferred.fromCoroutine(coroutine)
    running.addErrback(lambda failure: log.failure("a defect in failoverdns", failure))
    return running
