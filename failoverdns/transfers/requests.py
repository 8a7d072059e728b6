"""Requests of clients: the signature is verified, and the reply signed.

    message -> verify -> decide (`transfers.serving`) -> messages -> sign

What was not signed, on a connection whose client signed before, is answered from the table; so is
whatever the transfer process does not answer itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from twisted.logger import Logger

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.net.slices import in_slices
from failoverdns.protocol.query import Query, read_query
from failoverdns.protocol.reply import PLAIN_UDP_PAYLOAD, udp_limit
from failoverdns.protocol.transfer.contents import serial_of
from failoverdns.protocol.transfer.messages import axfr_messages, ixfr_messages, ixfr_over_udp
from failoverdns.protocol.tsig import (
    Failed,
    ReplySigner,
    Unsigned,
    Verified,
    error_reply,
    sign_reply,
    tsig_size,
    verify,
)
from failoverdns.transfers.interface import Updates
from failoverdns.transfers.served_zone import ServedZone
from failoverdns.transfers.serving import (
    Changes,
    Client,
    FromTable,
    Reply,
    Update,
    WholeZone,
    decide,
    failure,
    truncated,
)
from failoverdns.transfers.settings import TransferSettings
from failoverdns.transfers.transfer_log import TransferLog
from failoverdns.transfers.zones import Zones

Ask = Callable[[bytes, str], Awaitable[bytes]]
"""Returns what an answering process answers to a query from a host; empty for nothing."""

Heard = Callable[[bytes, str], None]
"""Takes the origin of a zone of which a client at a host has asked for content or serial."""

_HEADER: Final = 12
_QR: Final = 0x80

log = Logger()


@dataclass(frozen=True, slots=True)
class Sending:
    """A zone transfer that is to be sent: its messages are made and signed when they are asked for.

    `kind` is "axfr" or "ixfr"; `sent` is to be called at the end.
    """

    messages: Iterator[bytes]
    kind: str
    zone: str
    serial: int
    key: str
    sent: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Last:
    """A reply after which the connection is closed; it may be empty."""

    message: bytes


class Requests:
    """Answers the requests of all clients."""

    def __init__(
        self,
        zones: Zones,
        updates: Updates,
        reactor: Any,
        now: Callable[[], float],
        heard: Heard,
        journal: TransferLog,
    ) -> None:
        """Serve `zones`, and pass dynamic updates to `updates`; `now` returns the wall clock."""
        self.settings = TransferSettings()
        """Keys, and what applies to all zones."""
        self._zones = zones
        self._updates = updates
        self._reactor = reactor
        self._now = now
        self._heard = heard
        self._log = journal

    async def over_udp(self, packet: bytes, host: str, ask: Ask) -> bytes:
        """Return the reply to a packet; empty if there is none."""
        client = Client(host, is_udp=True)
        verified = self._verify(packet, client)
        if isinstance(verified, bytes):
            return verified
        if isinstance(verified, Unsigned):
            return await ask(packet, host)
        signer = ReplySigner(verified)
        limit = _udp_limit(verified.message) - signer.size
        decision = self._decide(verified, client)
        match decision:
            case Changes(request, zone, serial):
                soa = zone.soa
                found = await in_slices(zone.condensing(serial), self._reactor)
                if found is not None and found.new_soa != soa:
                    found = None
                reply = ixfr_over_udp(request, soa, found, signer.size)
                self._note_ixfr(verified, client, zone, reply)
            case Reply(message, refused):
                self._note_reply(verified, client, refused)
                reply = message
            case Update():
                reply = await self._update(verified, host)
            case _:
                self._log.counts["others"] += 1
                reply = truncated(verified.message, await ask(verified.message, host), limit)
        return signer.sign(reply, self._seconds()) if reply else b""

    async def over_tcp(
        self, message: bytes, client: Client, ask: Ask, admit: Callable[[], bool]
    ) -> bytes | Sending | Last:
        """Return the reply to a message, or a zone transfer that is to be sent.

        The reply is empty if there is none.  `admit` is called once the message is verified, and
        returns whether the client may stay.
        """
        verified = self._verify(message, client)
        if isinstance(verified, bytes):
            return Last(verified)
        if not admit():
            return Last(b"")
        if isinstance(verified, Unsigned):
            return await ask(message, client.host)
        decision = self._decide(verified, client)
        match decision:
            case WholeZone(request, zone):
                snapshot = zone.snapshot()
                messages = axfr_messages(request, snapshot, tsig_size(verified.key))
                return self._sending(verified, messages, "axfr", snapshot.soa, zone, client)
            case Changes(request, zone, serial):
                snapshot = zone.snapshot()
                found = await in_slices(zone.condensing(serial), self._reactor)
                if found is None or found.size >= snapshot.size:
                    messages = axfr_messages(request, snapshot, tsig_size(verified.key))
                    return self._sending(verified, messages, "axfr", snapshot.soa, zone, client)
                messages = ixfr_messages(request, found, tsig_size(verified.key))
                return self._sending(verified, messages, "ixfr", found.new_soa, zone, client)
            case Reply(message, refused):
                self._note_reply(verified, client, refused)
                reply = message
            case Update():
                reply = await self._update(verified, client.host)
            case _:
                self._log.counts["others"] += 1
                reply = await ask(verified.message, client.host)
        return sign_reply(reply, verified, self._seconds()) if reply else b""

    def _verify(self, message: bytes, client: Client) -> Verified | Unsigned | bytes:
        """Return a verified request, or the reply to one that is not verified."""
        if len(message) < _HEADER or message[2] & _QR:
            return b""
        try:
            found = verify(message, self.settings.keys, self._seconds())
        except Malformed:
            return failure(message, Rcode.FORMERR)
        if not isinstance(found, Failed):
            return found
        self._log.not_verified(host=client.host, why=found.why)
        try:
            return error_reply(message, found, self._seconds())
        except Malformed:
            return failure(message, Rcode.FORMERR)

    def _decide(
        self, verified: Verified, client: Client
    ) -> Reply | WholeZone | Changes | FromTable | Update:
        settings = self.settings
        return decide(
            verified.message,
            verified.key.name,
            client,
            self._zones,
            needs_certificate=settings.needs_certificate,
        )

    def _note_reply(self, verified: Verified, client: Client, refused: str) -> None:
        query = read_query(verified.message)
        if not refused:
            self._log.counts["soa"] += 1
            if isinstance(query, Query):
                self._heard(query.name.wire, client.host)
            return
        zone = str(query.name) if isinstance(query, Query) else "a zone"
        key = str(DomainName(verified.key.name))
        self._log.refused(f"a request for {zone}", host=client.host, key=key, why=refused)

    def _note_ixfr(
        self, verified: Verified, client: Client, zone: ServedZone, reply: bytes
    ) -> None:
        """Log an incremental zone transfer over UDP, unless it was left to TCP."""
        self._heard(zone.origin, client.host)
        if int.from_bytes(reply[6:8], "big") > 1:
            name, key = str(DomainName(zone.origin)), str(DomainName(verified.key.name))
            self._log.served(
                *("ixfr", name, serial_of(zone.soa)),
                host=client.host,
                key=key,
                size=len(reply),
                began=self._reactor.seconds(),
            )

    async def _update(self, verified: Verified, host: str) -> bytes:
        self._log.counts["updates"] += 1
        try:
            return await self._updates.update(verified, host)
        except Exception:  # whatever it is, the client gets an answer, and the process goes on
            log.failure("an update failed")
            return failure(verified.message, Rcode.SERVFAIL)

    def _sending(
        self,
        verified: Verified,
        messages: Iterator[bytes],
        kind: str,
        soa: bytes,
        zone: ServedZone,
        client: Client,
    ) -> Sending:
        signer = ReplySigner(verified)
        signed = (signer.sign(message, self._seconds()) for message in messages)
        name, key = str(DomainName(zone.origin)), str(DomainName(verified.key.name))
        sent = partial(self._heard, zone.origin, client.host)
        return Sending(signed, kind, name, serial_of(soa), key, sent)

    def _seconds(self) -> int:
        return int(self._now())


def _udp_limit(message: bytes) -> int:
    query = read_query(message)
    return udp_limit(query) if isinstance(query, Query) else PLAIN_UDP_PAYLOAD
