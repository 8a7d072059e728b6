"""Coroutines that run on Twisted without being awaited."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

log = Logger()


def spawn(coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
    """Run a coroutine to its end; log an exception that it raises as a defect in failoverdns."""
    running = Deferred.fromCoroutine(coroutine)
    running.addErrback(lambda failure: log.failure("a defect in failoverdns", failure))
    return running
