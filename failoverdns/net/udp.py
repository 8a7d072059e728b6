"""DNS over UDP: packets in, replies out, in batches with a cap.

Refuses to know what a packet says: `respond` does.
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

from failoverdns.net.sockets import IP_PKTINFO

Respond = Callable[[bytes, str], bytes | None]
"""Give a packet, and the address that it came from, its reply."""

BATCH: Final = 64
"""Packets read in one reactor turn: timers, TCP and control get theirs in between."""

MAX_PACKET: Final = 4096
"""Bytes of a query that are read; what is longer is cut, and so FORMERR."""

_PKTINFO4 = Struct("=i4s4s")
_PKTINFO6 = Struct("=16si")


@implementer(IReadDescriptor)
class UDPReader:
    """Answers what arrives at a bound, non-blocking UDP socket."""

    log = Logger()

    def __init__(self, sock: socket.socket, respond: Respond) -> None:
        self.socket = sock
        self.unsent = 0
        """Replies that the kernel did not take."""
        self._respond = respond
        self._own = sock.getsockname()[:2]

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self.socket.fileno()

    def logPrefix(self) -> str:  # noqa: N802
        """Return how log lines name this reader."""
        return "udp"

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Close the socket."""
        self.socket.close()

    def doRead(self) -> None:  # noqa: N802
        """Answer what waits, at most a batch of it."""
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
                continue  # an ICMP error about an earlier reply: nobody is waiting
            if not _is_answerable(sender, own):
                continue
            reply = respond(packet, sender[0])
            if reply is not None:
                try:
                    send(reply, sender)
                except OSError:
                    self.unsent += 1


class WildcardUDPReader(UDPReader):
    """Answers at a socket bound to all addresses, from the address that was asked."""

    def doRead(self) -> None:  # noqa: N802
        """Answer what waits, at most a batch of it."""
        for _ in range(BATCH):
            try:
                packet, ancillary, _, sender = self.socket.recvmsg(MAX_PACKET, 128)
            except BlockingIOError:
                return
            except OSError:
                continue
            local, source = _asked_address(ancillary)
            if not _is_answerable(sender, (local, self._own[1])):
                continue
            reply = self._respond(packet, sender[0])
            if reply is not None:
                try:
                    self.socket.sendmsg([reply], source, 0, sender)
                except OSError:
                    self.unsent += 1


def _is_answerable(sender: Any, own: Any) -> bool:
    """Tell whether a reply could reach somebody other than ourselves."""
    return bool(sender[1] != 0 and sender[:2] != own)


def _asked_address(
    ancillary: list[tuple[int, int, bytes]],
) -> tuple[str, list[tuple[int, int, bytes]]]:
    """Return the address that a packet was sent to, and the control data to answer from it."""
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
