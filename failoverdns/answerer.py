"""What strangers meet: sockets, the table, and the terms on which it answers.

It is all that an answering process consists of: it takes deltas, and knows neither the state nor
where it is kept.
Refuses to decide what is served, and what the terms are (`net.agreeing`).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.answering import Asker, Terms, respond, server_failure
from failoverdns.config import Config
from failoverdns.model.change import Delta, Json, Node
from failoverdns.net.agreeing import ROTATION, make_terms, rotated
from failoverdns.net.inherited import Inherited
from failoverdns.net.listening import Listener, Listeners
from failoverdns.net.query_log import QueryLog
from failoverdns.net.sockets import allow_descriptors
from failoverdns.wire.deltas import write_delta, write_nodes
from failoverdns.wire.python_table import PythonTable
from failoverdns.wire.table import Table

OTHER_DESCRIPTORS = 640
"""Open files beside connections over TCP: sockets, the state, control, hooks, delivery, a CA."""

log = Logger()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What another configuration asks for, ready to be used: pass it to `adopt` or `discard`."""

    config: Config
    terms: Terms
    fresh: list[Listener]


class Answerer:
    """Answers on the addresses of a configuration, out of a table that deltas fill."""

    def __init__(self, config: Config, reactor: Any, inherited: Inherited) -> None:
        """Build; nothing is opened before `prepare`.  Sockets that are `inherited` come first."""
        self._config = config
        self._inherited = inherited
        self._table: Table = PythonTable()
        self._terms = Terms()
        self._listeners = Listeners(reactor, self.answer, config.tcp, inherited)
        self.query_log = QueryLog(config.querylog)
        self._rotating = LoopingCall(self._rotate)
        self._rotating.clock = reactor

    def answer(self, packet: bytes, host: str, *, udp: bool) -> bytes | None:
        """Answer a packet from the address `host`; a defect of ours harms that packet only."""
        try:
            terms, logging = self._terms, self.query_log.is_on
            if terms.limiter is None and not logging:
                reply = self._table.ready_answer(packet, udp=udp)
                if reply is not None:
                    return reply  # most queries end here: nobody needs to know who asks, and when
            asker = Asker(host, udp, time.time(), time.monotonic())
            reply = respond(self._table, packet, asker, terms)
            if logging:
                self.query_log.note(packet, reply, host, asker.now, udp=udp)
            return reply
        except Exception:
            log.failure("a packet could not be answered: {packet}", packet=packet[:600].hex())
            return server_failure(packet)

    def publish(self, delta: Delta) -> None:
        """Make a delta visible, all of it at once."""
        self._table.apply(write_delta(delta))

    def fill(self, delta: Delta, nodes: Iterable[Node]) -> None:
        """Fill the table at the start: what `delta` tells of the zones, then every name."""
        self._table.apply(write_delta(delta))
        self._table.apply(write_nodes(nodes))

    def prepare(self, config: Config) -> Prepared:
        """Try what may fail of a configuration: open its sockets, read its secrets.

        Raises CannotAgree or CannotListen; then nothing was changed.
        """
        terms = make_terms(config, self._terms, _make_secret)
        return Prepared(config, terms, self._listeners.prepare(config.listen))

    def adopt(self, prepared: Prepared) -> None:
        """Answer by another configuration from now on."""
        config = self._config = prepared.config
        self._listeners.adopt(prepared.fresh, config.listen)
        self._listeners.tcp_clients.limits = config.tcp
        self._terms = prepared.terms
        if not self._rotating.running:
            self._rotating.start(ROTATION, now=False)
        self._allow_connections()
        self._close_inherited()

    def discard(self, prepared: Prepared) -> None:
        """Let go of what was prepared and is not to be used."""
        self._listeners.discard(prepared.fresh)

    def log_addresses(self) -> None:
        """Say where we answer."""
        for address in self._listeners.addresses:
            log.info("answering on {address}, UDP and TCP", address=str(address))

    def report(self) -> dict[str, Json]:
        """Tell what became of strangers' packets, for `status`."""
        limiter = self._terms.limiter
        limited: Json = None
        if limiter is not None:
            limited = {
                "truncated": limiter.truncated,
                "dropped": limiter.dropped,
                "accounts": len(limiter),
            }
        return {**self._listeners.report(), "rate_limit": limited}

    def stop(self) -> None:
        """Close the sockets and the query log."""
        self._listeners.close()
        self.query_log.close()
        if self._rotating.running:
            self._rotating.stop()

    def _rotate(self) -> None:
        self._terms = rotated(self._config, self._terms, _make_secret)

    def _allow_connections(self) -> None:
        """Have room for every connection that the limits let in, or say that there is less."""
        wanted = self._config.tcp.max_connections + OTHER_DESCRIPTORS
        allowed = allow_descriptors(wanted)
        if allowed < wanted:
            log.warn(
                "tcp.max_connections takes {wanted} open files, and {allowed} are allowed: "
                "raise the hard limit (LimitNOFILE= of systemd, `ulimit -Hn`)",
                wanted=wanted,
                allowed=allowed,
            )

    def _close_inherited(self) -> None:
        """Close sockets that were handed over and that the configuration does not name."""
        if self._inherited.left:
            log.warn(
                "handed over, and not in `listen`, so closed: {sockets}",
                sockets=", ".join(self._inherited.left),
            )
            self._inherited.close()


def _make_secret() -> bytes:
    return secrets.token_bytes(16)
