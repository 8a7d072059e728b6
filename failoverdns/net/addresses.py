"""The sockets of all addresses on which the server answers, bound together or not at all.

Each address has one pair of sockets for each answering process, and the kernel distributes clients
over them.  The process that binds the sockets keeps them open, so that queries that wait in a
socket are not lost when the process that reads from it ends.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from failoverdns.model.settings import ListenAddress
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import (
    CannotListen,
    Pair,
    bind,
    bind_shared,
    close_pair,
    lost_packets,
)
from failoverdns.net.succession import HandedPair


@dataclass(frozen=True, slots=True)
class Bound:
    """A pair of UDP and TCP sockets.

    `number` identifies it, `place` is the number of the process that it belongs to by default, and
    `asked` is its address as configured, where the port may be 0.
    """

    number: int
    place: int
    asked: ListenAddress
    pair: Pair

    @property
    def address(self) -> ListenAddress:
        """The address as bound, with the port that the kernel chose for port 0."""
        return ListenAddress(self.asked.host, self.pair[0].getsockname()[1])


class BoundAddresses:
    """All pairs of sockets on which the server answers."""

    def __init__(self, places: int, inherited: Inherited) -> None:
        """Prepare for `places` answering processes, 0 for none beside this process.

        `inherited` sockets are used before new ones are opened.
        """
        self._places = places
        self._inherited = inherited
        self._numbers = count(1)
        self.bound: tuple[Bound, ...] = ()
        self._lost_before = 0
        """Packets that the kernel dropped at sockets that are closed now."""

    @property
    def addresses(self) -> tuple[ListenAddress, ...]:
        """The addresses as bound, each once."""
        return tuple(dict.fromkeys(one.address for one in self.bound))

    def lost(self) -> int:
        """Return the number of UDP packets that the kernel dropped because a socket was full."""
        return _lost(self.bound)

    def lost_since_start(self) -> int:
        """Return the same number with the packets at sockets that were closed meanwhile."""
        return self._lost_before + self.lost()

    def prepare(self, wanted: Iterable[ListenAddress]) -> list[Bound]:
        """Bind the addresses that are not bound yet; pass the result to `adopt` or `discard`.

        Raises CannotListen; then nothing was bound.
        """
        asked = {one.asked for one in self.bound}
        fresh: list[Bound] = []
        try:
            for address in wanted:
                if address not in asked:
                    fresh += self._bind(address)
        except CannotListen:
            self.discard(fresh)
            raise
        return fresh

    def adopt(self, fresh: list[Bound], wanted: Iterable[ListenAddress]) -> None:
        """Use newly bound sockets, and close the addresses that are no longer wanted."""
        kept = set(wanted)
        closing = [one for one in self.bound if one.asked not in kept]
        self._lost_before += _lost(closing)
        self.bound = (*(one for one in self.bound if one.asked in kept), *fresh)
        self.discard(closing)

    def discard(self, bound: Iterable[Bound]) -> None:
        """Close pairs of sockets."""
        for one in bound:
            close_pair(one.pair)

    def copies(self) -> list[HandedPair]:
        """Return duplicates of all sockets, which the caller owns."""
        return [
            HandedPair(one.asked, *(os.dup(sock.fileno()) for sock in one.pair))
            for one in self.bound
        ]

    def close(self) -> None:
        """Close every address."""
        self.adopt([], ())

    def _bind(self, asked: ListenAddress) -> list[Bound]:
        pairs = self._inherited.take(asked)
        if not pairs:
            pairs = (
                bind_shared(asked.host, asked.port, self._places)
                if self._places
                else [bind(asked.host, asked.port)]
            )
        places = max(1, self._places)
        while len(pairs) < places:
            pairs.append(_another(asked, pairs[0]))
        return [
            Bound(next(self._numbers), index % places, asked, pair)
            for index, pair in enumerate(pairs)
        ]


def _lost(bound: Iterable[Bound]) -> int:
    """Return the number of packets that the kernel dropped at UDP sockets, each counted once."""
    sockets = {os.fstat(one.pair[0].fileno()).st_ino: one.pair[0] for one in bound}
    return sum(map(lost_packets, sockets.values()))


def _another(asked: ListenAddress, pair: Pair) -> Pair:
    """Return one more pair on the port of a pair: new sockets, or a copy if it cannot be shared."""
    udp, tcp = pair
    if udp.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT):
        return bind(asked.host, udp.getsockname()[1], shared=True)
    return udp.dup(), tcp.dup()
