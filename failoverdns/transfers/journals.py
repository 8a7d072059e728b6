"""The journals of all zones on disk: opened at the start, written anew in slices where needed.

Nothing waits for them, and without them only IXFR over a restart is missing: the first zone
transfer after it is a whole one then.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.task import cooperate
from twisted.logger import Logger

from failoverdns.transfers.journal import sweep
from failoverdns.transfers.settings import TransferSettings
from failoverdns.transfers.zones import Zones

log = Logger()


class Journals:
    """Writes the journals that must be written anew, one after the other."""

    def __init__(self, zones: Zones, reactor: Any) -> None:
        self._zones = zones
        self._reactor = reactor
        self._is_writing = False
        self._swept = False

    def open(self, settings: TransferSettings) -> bool:
        """Return whether journals can be in the folder, from which those of other zones go."""
        folder: Path = settings.folder
        if not os.access(folder, os.W_OK):
            log.warn(
                "{folder} cannot be written: zone transfers after a restart are whole ones",
                folder=str(folder),
            )
            return False
        if not self._swept:
            self._swept = True
            sweep(folder, {zone.origin for zone in settings.zones if zone.keys})
        return True

    def write(self) -> None:
        """Write journals in slices until none must be written."""
        if not self._is_writing:
            self._is_writing = True
            cooperate(self._steps()).whenDone().addErrback(
                lambda failure: log.failure("the journals of zones are not written", failure)
            )

    def _steps(self) -> Any:
        try:
            while (zone := next((one for one in self._zones if one.must_write), None)) is not None:
                yield from zone.writing()
                yield
        finally:
            self._is_writing = False
