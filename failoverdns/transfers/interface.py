"""What the transfer process expects of its parts, and what its parts expect of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from failoverdns.model.change import Json
from failoverdns.protocol.tsig import Verified
from failoverdns.transfers.settings import TransferSettings

CarryOut = Callable[[str, dict[str, Any]], Any]
"""Carries out a call of the transfer process (name, arguments); returns its result, or a Deferred.

A Rejected that it raises is sent back."""

CallControl = Callable[[str, dict[str, Any]], Deferred[Any]]
"""Calls the control process (name, arguments); fails with Rejected or ConnectionDone."""

Report = Callable[[list[dict[str, Json]]], None]
"""Takes what is known of secondaries, an object for each secondary and zone."""


class Secondaries(Protocol):
    """Whoever notifies the secondaries, and asks which serials they have."""

    def configure(self, settings: TransferSettings) -> None:
        """Use other settings from now on; it is called before the first `serial`."""

    def serial(self, origin: bytes, serial: int, soa: bytes) -> None:
        """Note that a zone has this serial now, and can be transferred.

        `soa` is the SOA record as in the answer section of a reply whose question is the origin.
        """

    def heard(self, origin: bytes, host: str) -> None:
        """Note that a client at an address has asked for the content or serial of a zone."""

    def notify(self, origin: bytes | None) -> None:
        """Notify the secondaries of a zone, or of all zones, whatever they have."""

    def report(self) -> list[dict[str, Json]]:
        """Return what is known of each secondary and zone."""

    def stop(self) -> None:
        """Stop all timers, and close the sockets."""


class Updates(Protocol):
    """Whoever carries out dynamic updates (RFC 2136)."""

    def update(self, verified: Verified, host: str) -> Deferred[bytes]:
        """Carry out an UPDATE message of a client; return the reply, which is not signed yet."""
