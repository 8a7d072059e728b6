"""The table in C (`failoverdns/native`): bytes, not objects, and packets answered in batches.

This module turns the results of the C code into the values of `protocol.table.table`.  It can be
imported only where the extension is built: `protocol.table.fast_path` checks that.
"""

from __future__ import annotations

from failoverdns import _native
from failoverdns.model.errors import Malformed
from failoverdns.model.records import SOA
from failoverdns.protocol.cookies import CookieSecrets
from failoverdns.protocol.records import CompiledRRset, counts, type_key
from failoverdns.protocol.table.deltas import read_rrsets
from failoverdns.protocol.table.table import Authority, Entry, ServedBatch

_SOA = type_key(SOA)


class CompiledTable:
    """Implements `protocol.table.table.Table`, and answers in batches."""

    def __init__(self) -> None:
        self._table = _native.Table()

    def __len__(self) -> int:
        return len(self._table)

    def apply(self, delta: bytes) -> None:
        """Apply a delta as a whole; raises Malformed."""
        try:
            self._table.apply(delta)
        except ValueError as fault:
            raise Malformed(str(fault)) from None

    def stage(self, part: bytes) -> None:
        """Take a part of a delta before the rest; raises Malformed."""
        try:
            self._table.stage(part)
        except ValueError as fault:
            raise Malformed(str(fault)) from None

    def ready_answer(self, packet: bytes, *, udp: bool) -> bytes | None:
        """Return the reply to a packet if there is a ready answer, else None."""
        return self._table.ready_answer(packet, udp)

    def ready_answer_with_cookie(
        self, packet: bytes, secrets: CookieSecrets, address: bytes, now: float, *, udp: bool
    ) -> bytes | None:
        """Return the reply to a packet, which may have a cookie, if there is a ready answer."""
        joined = b"".join(secrets.secrets)
        return self._table.ready_answer(packet, udp, joined, address, int(now) & 0xFFFFFFFF)

    def serve(
        self, descriptor: int, secrets: CookieSecrets | None, limiter: object | None
    ) -> ServedBatch:
        """Answer packets that wait at a UDP socket, in a limited number of batches.

        `limiter` is a `_native.Limiter`, or None if every reply is sent.
        Returns the number of replies that could not be sent, and the packets without ready answer.
        """
        joined = b"".join(secrets.secrets) if secrets is not None else b""
        assert limiter is None or isinstance(limiter, _native.Limiter)
        _, unsent, left = self._table.serve(descriptor, joined, limiter)
        return unsent, left

    def counts(self) -> tuple[tuple[int, ...], int, int]:
        """Return what `serve` has counted: replies by RCODE, truncated ones, ignored packets."""
        return self._table.counts()

    def find(self, name: bytes) -> Entry | None:
        """Return the entry of a name, or None if the name does not exist."""
        found = self._table.find(name)
        if found is None:
            return None
        origin, rrsets, negative_ttl, soa = found
        answers = read_rrsets(rrsets)
        if soa is not None:
            answers = {**answers, _SOA: CompiledRRset(SOA, soa, counts(1))}
        return Entry(origin, answers, negative_ttl)

    def zone_of(self, name: bytes) -> Authority | None:
        """Return the zone of a name, or None."""
        found = self._table.zone_of(name)
        if found is None:
            return None
        origin, soa = found
        return Authority(origin, CompiledRRset(SOA, soa, counts(1)))

    def cut_above(self, name: bytes, origin: bytes) -> bytes | None:
        """Return the highest zone cut at or above `name` and below `origin`."""
        return self._table.cut_above(name, origin)

    def memory(self) -> int:
        """Return the bytes of memory in use."""
        return self._table.memory()
