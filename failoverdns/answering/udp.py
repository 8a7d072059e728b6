"""DNS over UDP: read packets and send replies, a limited number in each reactor turn.

    compiled:     C receives packets and sends ready answers; the other packets are answered here
    pure Python:  every packet is answered here

Timers, TCP and the control socket get their turns in between.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from failoverdns.answering.responding import Respond
from failoverdns.net.sockets import IP_PKTINFO
from failoverdns.protocol.query import Signed

Ask = Callable[[Signed, bytes, str, Callable[[bytes], None]], None]
"""Hands a signed message over (what was read, packet, address), and passes its reply on later."""

BATCH: Final = 64
"""Packets that are read in one reactor turn."""

MAX_PACKET: Final = 4096
"""Bytes of a query that are read; a longer one is cut and so gets FORMERR."""

REFLECTING_PORTS: Final = frozenset((0, 7, 11, 13, 15, 17, 19, 37, 464))
"""Ports from which no packet is answered: services there answer anything, so it might never end.

They are echo, systat, daytime, netstat, qotd, chargen, time and kpasswd; 0 is invalid as a source.
The fast path in C has the same ports (`is_reflecting` in `failoverdns/native/batch.c`).
"""

_PKTINFO4 = Struct("=i4s4s")
_PKTINFO6 = Struct("=16si")
_SOCKADDR4, _SOCKADDR6 = Struct("=2x2s4s"), Struct("=2x2s4s16sI")
_CMSGHDR = Struct("@Nii")

Sender = tuple[str, int] | tuple[str, int, int, int]
Control = list[tuple[int, int, bytes]]

Serve = Callable[[int], tuple[int, list[tuple[bytes, bytes, bytes | None]]] | None]
"""Answers packets that wait at a socket, given by descriptor.

Returns the number of unsent replies, and for each unanswered packet its bytes, the `sockaddr` of
its sender and the control data for the reply; or None if every packet must be answered in Python.
"""


@implementer(IReadDescriptor)
class UDPReader:
    """Answers packets that arrive at a bound, non-blocking UDP socket."""

    log = Logger()

    def __init__(
        self,
        sock: socket.socket,
        respond: Respond,
        serve: Serve | None,
        ask: Ask,
    ) -> None:
        """Answer at a socket with `respond`, and before that with `serve` if given.

        What is signed with a known key is passed to `ask`.
        """
        self.socket = sock
        self.unsent = 0
        """Number of replies that the kernel did not accept."""
        self.ignored = 0
        """Number of packets from where nobody is answered, without those that `serve` read."""
        self._respond = respond
        self._serve = serve
        self._ask = ask
        self._own = sock.getsockname()[:2]

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self.socket.fileno()

    def logPrefix(self) -> str:  # noqa: N802
        """Return the name of this reader in log lines of Twisted."""
        return "udp"

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Close the socket."""
        self.socket.close()

    def doRead(self) -> None:  # noqa: N802
        """Answer waiting packets, at most a few batches."""
        served = self._serve(self.socket.fileno()) if self._serve is not None else None
        if served is None:
            self._read()
            return
        unsent, left = served
        self.unsent += unsent
        for packet, address, control in left:
            self._answer(packet, _sender(address), _control(control))

    def _answer(self, packet: bytes, sender: Sender, source: Control) -> None:
        """Answer a packet, now or later, from the address that it was sent to."""
        reply = self._respond(packet, sender[0])
        if isinstance(reply, Signed):
            self._hand_over(reply, packet, sender, source)
        elif reply is not None:
            self._send(reply, sender, source)

    def _hand_over(self, signed: Signed, packet: bytes, sender: Sender, source: Control) -> None:
        self._ask(signed, packet, sender[0], lambda reply: self._send(reply, sender, source))

    def _send(self, reply: bytes, sender: Sender, source: Control) -> None:
        try:
            self.socket.sendmsg([reply], source, 0, sender)
        except OSError:
            self.unsent += 1

    def _read(self) -> None:
        """Answer waiting packets one by one, at most one batch."""
        receive, send, respond, own = (
            self.socket.recvfrom,
            self.socket.sendto,
            self._respond,
            self._own,
        )
        for _ in range(BATCH):
            try:
                packet, sender = receive(MAX_PACKET)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error about an earlier reply
            if not _is_answerable(sender, own):
                self.ignored += 1
                continue
            reply = respond(packet, sender[0])
            if isinstance(reply, Signed):
                self._hand_over(reply, packet, sender, [])
            elif reply is not None:
                try:
                    send(reply, sender)
                except OSError:
                    self.unsent += 1


class WildcardUDPReader(UDPReader):
    """Answers at a socket that is bound to all addresses, from the address of the query."""

    def _read(self) -> None:
        for _ in range(BATCH):
            try:
                packet, ancillary, _, sender = self.socket.recvmsg(MAX_PACKET, 128)
            except BlockingIOError:
                return
            except OSError:
                continue
            local, source = _asked_address(ancillary)
            if not _is_answerable(sender, (local, self._own[1])):
                self.ignored += 1
                continue
            self._answer(packet, sender, source)


def _sender(address: bytes) -> Sender:
    """Return a sender as Python's sockets have it, from a `sockaddr`."""
    if len(address) < _SOCKADDR6.size:
        port, host = _SOCKADDR4.unpack_from(address)
        return socket.inet_ntop(socket.AF_INET, host), int.from_bytes(port, "big")
    port, flow, host, scope = _SOCKADDR6.unpack_from(address)
    name = socket.inet_ntop(socket.AF_INET6, host)
    return name, int.from_bytes(port, "big"), int.from_bytes(flow, "big"), scope


def _control(data: bytes | None) -> Control:
    """Return control data as Python's sockets have it, from at most one control message."""
    if not data:
        return []
    length, level, kind = _CMSGHDR.unpack_from(data)
    return [(level, kind, data[_CMSGHDR.size : length])]


def _is_answerable(sender: Any, own: Any) -> bool:
    """Return whether a reply to this sender could reach somebody other than us, and end there."""
    return bool(sender[1] not in REFLECTING_PORTS and sender[:2] != own)


def _asked_address(
    ancillary: list[tuple[int, int, bytes]],
) -> tuple[str, list[tuple[int, int, bytes]]]:
    """Return the destination address of a packet, and the control data to reply from it."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            _, local, _ = _PKTINFO4.unpack_from(data)
            source = (level, kind, _PKTINFO4.pack(0, local, b"\0\0\0\0"))
            return socket.inet_ntop(socket.AF_INET, local), [source]
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            address, interface = _PKTINFO6.unpack_from(data)
            # The interface matters for link-local addresses only.
            interface = interface if address[:2] == b"\xfe\x80" else 0
            source = (level, kind, _PKTINFO6.pack(address, interface))
            return socket.inet_ntop(socket.AF_INET6, address), [source]
    return "", []
