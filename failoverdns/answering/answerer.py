"""The answerer: a table, the settings for answers, and the sockets to answer on.

A worker consists of an answerer, which takes deltas, settings (`answering.settings`) and sockets.
It has no access to the state of the server or to the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from twisted.logger import Logger

from failoverdns.answering.accounts import ERRORS
from failoverdns.answering.counting import ReplyCounts, add, flat, flat_native
from failoverdns.answering.forwarding import Forwarding
from failoverdns.answering.limiting import Limiter, Treatment, packed
from failoverdns.answering.link import LinkedConnection
from failoverdns.answering.listening import Listeners
from failoverdns.answering.query_log import QueryLog
from failoverdns.answering.responding import (
    Answered,
    Asker,
    respond,
    server_failure,
    signed_failure,
    unready_answer,
)
from failoverdns.answering.settings import UNCONFIGURED, WorkerSettings, answer_settings_of
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import Rcode
from failoverdns.net.descriptors import OURS
from failoverdns.net.memory import LARGE, Memory
from failoverdns.protocol.query import Signed
from failoverdns.protocol.table.fast_path import make_table
from failoverdns.protocol.table.table import Batches, ServedBatch, ServesBatches, Table

_UNVERIFIED: Final = (Rcode.FORMERR, Rcode.SERVFAIL, Rcode.NOTAUTH)
"""The rcodes of replies to messages that may be from anybody (RFC 8945 section 5.2)."""

log = Logger()


class Answerer:
    """Answers DNS clients from a table that deltas fill, on the sockets that it is given."""

    def __init__(self, reactor: Any) -> None:
        """Begin with an empty table and no sockets; `reactor` is Twisted's."""
        self._table: Table = make_table()
        self._next: Table | None = None
        """A table that is being filled, to take the place of the one that answers."""
        self._settings = answer_settings_of(UNCONFIGURED, None)
        batches = isinstance(self._table, ServesBatches)
        serve = partial(self._serve, self._serve_batches) if batches else None
        self.forwarding = Forwarding(reactor, self._answer_verified)
        self.listeners = Listeners(reactor, self, UNCONFIGURED.tcp, serve)
        self.query_log = QueryLog(None)
        self._memory = Memory(reactor)
        self._udp, self._stream = ReplyCounts(), ReplyCounts()
        """Counts of what is answered in Python: over UDP, and over TCP or TLS."""
        self._ended: dict[str, int] = {}
        """Counts of earlier tables and rate limits."""

    def answer(self, packet: bytes, host: str, *, udp: bool) -> Answered:
        """Return the reply to a packet from the address `host`, or None for no reply.

        What is signed with a known key is returned as such, to be passed to `ask` or `hand_over`.
        Never raises: a packet that causes an unexpected exception is logged and gets SERVFAIL.
        """
        counts = self._udp if udp else self._stream
        limiter = self._settings.limiter
        dropped = limiter.dropped if limiter is not None else 0
        answered = self._answer(packet, host, udp)
        if isinstance(answered, bytes):
            counts.note(answered)
        elif answered is None and (limiter is None or limiter.dropped == dropped):
            counts.ignored += 1
        return answered

    def _answer(self, packet: bytes, host: str, udp: bool) -> Answered:
        try:
            settings, logging = self._settings, self.query_log.is_on
            if settings.limiter is None and not logging:
                reply = self._table.ready_answer(packet, udp=udp)
                if reply is None:  # a ready answer does not depend on client and time
                    asker = Asker(host, udp, time.time(), 0)
                    found = unready_answer(self._table, packet, asker, settings)
                    return found.message if found.signed is None else found.signed
                return reply
            asker = Asker(host, udp, time.time(), time.monotonic_ns())
            answered = respond(self._table, packet, asker, settings)
            if logging and not isinstance(answered, Signed):
                self.query_log.note(packet, answered, host, asker.now, udp=udp)
            return answered
        except Exception:
            log.failure("a packet could not be answered: {packet}", packet=packet[:600].hex())
            return self._failure(packet, host, udp)

    def ask(self, signed: Signed, packet: bytes, host: str, send: Callable[[bytes], None]) -> None:
        """Hand a message over that arrived over UDP; call `send` with the reply, if there is one.

        Replies to what was not verified count as errors for the rate limit.
        """

        def done(reply: bytes | None) -> None:
            sent: bytes | None = signed_failure(signed) if reply is None else reply
            if sent and sent[3] & 0xF in _UNVERIFIED:
                sent = self._limited_error(sent, host)
            if self.query_log.is_on:
                self.query_log.note(packet, sent or None, host, time.time(), udp=True)
            if sent:
                self._udp.note(sent)
                send(sent)

        self.forwarding.ask(packet, host, done)

    def hand_over(self, connection: LinkedConnection, descriptor: int) -> bool:
        """Hand a connection over; return whether it has left, so that the caller closes its copy.

        Its first message is signed with a known key.
        """
        return self.forwarding.hand_over(connection, descriptor)

    def is_secondary(self, host: str) -> bool:
        """Return whether this is the address of a configured secondary."""
        return self.forwarding.is_secondary(host)

    def _answer_verified(self, packet: bytes, host: str) -> bytes:
        """Return the answer to a query whose signature was verified, as over TCP."""
        answered = self.answer(packet, host, udp=False)
        return b"" if answered is None or isinstance(answered, Signed) else answered

    def _failure(self, packet: bytes, host: str, udp: bool) -> bytes | None:
        """Return SERVFAIL, or None for no reply; it counts as an error for the rate limit."""
        reply = server_failure(packet)
        return self._limited_error(reply, host) if reply is not None and udp else reply

    def _limited_error(self, reply: bytes, host: str) -> bytes | None:
        """Return a reply over UDP that counts as an error, None if the client gets too many."""
        limiter = self._settings.limiter
        if limiter is None:
            return reply
        now = time.monotonic_ns()
        treatment = limiter.treat(packed(host), *ERRORS, now, can_truncate=False)
        return reply if treatment is Treatment.SEND else None

    def _serve_batches(self, *arguments: Any) -> ServedBatch:
        """Answer from the present table."""
        table = self._table
        assert isinstance(table, ServesBatches)
        return table.serve(*arguments)

    def _serve(self, batches: Batches, descriptor: int) -> ServedBatch | None:
        """Let C answer the packets at a socket, unless the query log needs each one."""
        limiter = self._settings.limiter
        native = limiter.native if limiter is not None else None
        if self.query_log.is_on or (limiter is not None and native is None):
            return None
        return batches(descriptor, self._settings.cookies, native)

    def take_delta(self, delta: bytes, is_part: bool = False) -> None:
        """Apply a delta, together with the parts before it; only stage one that `is_part`.

        Raises Malformed.
        """
        self._memory.note(len(delta) if is_part else 0)
        for table in (self._table, self._next):
            if table is not None and is_part:
                table.stage(delta)
            elif table is not None:
                table.apply(delta)

    def fill_next(self, part: bytes) -> None:
        """Put names into the next table; deltas go to both tables until it is taken or forgotten.

        Raises Malformed.
        """
        if self._next is None:
            self._next = make_table()
        self._next.apply(part)

    def take_next(self, delta: bytes) -> None:
        """Apply a delta to the next table, and answer from it from now on; raises Malformed."""
        if self._next is None:
            raise Malformed("no next table was begun")
        self._next.apply(delta)
        add(self._ended, self._table_counts())
        self._table, self._next = self._next, None
        self._memory.note(LARGE)

    def forget_next(self) -> None:
        """Give up the next table."""
        self._next = None

    def configure(self, settings: WorkerSettings) -> None:
        """Replace the settings; the query log keeps the settings that it started with.

        Every TCP connection takes an open file, so the limit of the process is raised accordingly;
        if that is not possible there may be fewer connections.
        """
        before = self._settings.limiter
        self._settings = answer_settings_of(settings, before)
        if before is not None and before is not self._settings.limiter:
            add(self._ended, _limited(before))
        self.forwarding.configure(settings.secondaries)
        self.listeners.tcp_clients.limits = settings.tcp
        if self.query_log.settings is None:
            self.query_log = QueryLog(settings.querylog)
        OURS.want(
            "TCP connections of DNS clients",
            settings.tcp.max_connections,
            used=lambda: len(self.listeners.tcp_clients),
            changed=self.listeners.allow,
        )

    def report(self) -> dict[str, Any]:
        """Return the counts of packets, connections and limited replies, for `status`."""
        limiter = self._settings.limiter
        limited: Json = None
        if limiter is not None:
            limited = {
                "truncated": limiter.truncated,
                "dropped": limiter.dropped,
                "accounts": len(limiter),
            }
        signed = self.forwarding.report() if self._settings.keys else None
        counts: dict[str, Json] = {**self.counts()}
        parts = {"rate_limit": limited, "signed": signed, "counts": counts}
        return {**self.listeners.report(), **parts}

    def counts(self) -> dict[str, int]:
        """Return counts since the start of the process, by names of `answering.counting`."""
        found = dict(self._ended)
        limiter = self._settings.limiter
        for part in (
            flat("udp", self._udp),
            flat(self.listeners.stream, self._stream),
            self._table_counts(),
            self.listeners.counts(),
            _limited(limiter) if limiter is not None else {},
            {
                "signed.forwarded": self.forwarding.forwarded,
                "signed.refused": self.forwarding.refused,
            },
        ):
            add(found, part)
        return found

    def _table_counts(self) -> dict[str, int]:
        """Return what the present table has counted itself."""
        table = self._table
        return flat_native(*table.counts()) if isinstance(table, ServesBatches) else {}

    def stop(self) -> None:
        """Close the sockets and the query log."""
        self._memory.stop()
        self.listeners.close_all()
        self.forwarding.disconnect()
        self.query_log.close()


def _limited(limiter: Limiter) -> dict[str, int]:
    """Return the counts of a rate limit, by their names."""
    return {"limited.dropped": limiter.dropped, "limited.slipped": limiter.truncated}
