"""The journals of all zones on disk: opened at the start, written again in slices where needed.

Nothing waits for them, and without them only IXFR over a restart is missing: the first zone
transfer after it is a whole one then.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any, Final

from twisted.internet.task import cooperate
from twisted.logger import Logger

from failoverdns.transfers.journal import sweep
from failoverdns.transfers.served_zone import ServedZone
from failoverdns.transfers.settings import TransferSettings
from failoverdns.transfers.zones import Zones

AGAIN: Final = 60.0
"""Seconds before the next attempt, after a journal could not be written."""

_HINT: Final = "after a restart, zones are transferred whole"

log = Logger()


class Journals:
    """Writes the journals that must be written again, one after the other."""

    def __init__(self, zones: Zones, reactor: Any) -> None:
        self._zones = zones
        self._reactor = reactor
        self._is_writing = False
        self._is_swept = False
        self._logged = ""

    def open(self, settings: TransferSettings) -> bool:
        """Return whether journals can be in the folder; those of other zones are removed."""
        if not (settings.folder.is_dir() and os.access(settings.folder, os.W_OK)):
            self._warn(f"{settings.folder} cannot be written")
            return False
        if not self._is_swept:
            self._is_swept = True
            sweep(settings.folder, {zone.origin for zone in settings.zones if zone.keys})
        return True

    def write(self) -> None:
        """Write journals in slices until none must be written."""
        if not self._is_writing:
            self._is_writing = True
            cooperate(self._steps()).whenDone().addErrback(
                lambda failure: log.failure("the journals of zones are not written", failure)
            )

    def _steps(self) -> Generator[None, None, None]:
        while (zone := self._next()) is not None:
            fault = yield from zone.writing()
            if fault:
                self._warn(fault)
                self._reactor.callLater(AGAIN, self._go_on)
                return
            yield
        self._is_writing = False

    def _next(self) -> ServedZone | None:
        return next((zone for zone in self._zones if zone.must_write), None)

    def _go_on(self) -> None:
        self._is_writing = False
        self.write()

    def _warn(self, fault: str) -> None:
        if fault != self._logged:
            self._logged = fault
            log.warn("{fault}: {hint}", fault=fault, hint=_HINT)
