"""The log of zone transfers: one line for each, and a bounded number of lines for failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

FAILURES_A_MINUTE: Final = 10
"""Failures that are logged in a minute; after that, the next line has the number of the others."""

_MINUTE: Final = 60.0

log = Logger()


class TransferLog:
    """Counts what was served and refused, and logs it."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """Log; `seconds` returns seconds of a clock that never goes back."""
        self.counts = {"axfr": 0, "ixfr": 0, "soa": 0, "updates": 0, "others": 0, "refused": 0}
        """How many requests got what, for `status`."""
        self.counts |= {"not_verified": 0, "interrupted": 0}
        self._seconds = seconds
        self._minute = 0.0
        self._lines = 0
        self._left_out = 0

    def served(
        self, kind: str, zone: str, serial: int, *, host: str, key: str, size: int, began: float
    ) -> None:
        """Log a zone transfer that was sent whole: `size` bytes since `began`."""
        self.counts[kind] += 1
        log.info(
            "zone transfer of {zone} at serial {serial} ({kind}) to {host} with key {key}: "
            "{size} bytes in {seconds:.3f} s",
            zone=zone,
            serial=serial,
            kind=kind.upper(),
            host=host,
            key=key,
            size=size,
            seconds=self._seconds() - began,
        )

    def interrupted(self, zone: str, *, host: str, key: str, size: int, why: str) -> None:
        """Log a zone transfer that ended before its end."""
        self.counts["interrupted"] += 1
        text = "zone transfer of {zone} to {host} with key {key} ended after {size} bytes: {why}"
        self._failure(text, zone=zone, host=host, key=key, size=size, why=why)

    def refused(self, what: str, *, host: str, key: str, why: str) -> None:
        """Log a request that was refused, although its signature is right."""
        self.counts["refused"] += 1
        text = "{what} from {host} with key {key} is refused: {why}"
        self._failure(text, what=what, host=host, key=key, why=why)

    def not_verified(self, *, host: str, why: str) -> None:
        """Log a request whose signature is not right."""
        self.counts["not_verified"] += 1
        self._failure("a request from {host} is not verified: {why}", host=host, why=why)

    def turned_away(self, *, host: str, why: str) -> None:
        """Log a connection for which there is no place."""
        self.counts["refused"] += 1
        self._failure("a connection from {host} is closed: {why}", host=host, why=why)

    def _failure(self, text: str, **values: object) -> None:
        now = self._seconds()
        if now - self._minute >= _MINUTE:
            if self._left_out:
                log.warn("{count} more failed requests were not logged", count=self._left_out)
            self._minute, self._lines, self._left_out = now, 0, 0
        if self._lines >= FAILURES_A_MINUTE:
            self._left_out += 1
            return
        self._lines += 1
        log.warn(text, **values)
