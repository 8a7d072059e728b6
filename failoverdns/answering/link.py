"""The link between an answering process and the transfer process, as bytes.

The transfer process has the secrets of TSIG keys and answers no DNS client that it does not know;
answering processes hand over what is signed with a key whose name they know.

    frame = length of the rest (4), kind (1), body

    answering process                          transfer process
    MESSAGE     a signed message over UDP  ->
                                           <-  REPLY   what to send to the client, or nothing
    CONNECTION  a connection of a client   ->          it answers there, and closes it
                                           <-  ASK     a query whose signature was verified
    ANSWER      the answer from the table  ->

A CONNECTION comes with one descriptor, which arrives with its first byte.  Numbers of a MESSAGE are
chosen by the answering process, those of an ASK by the transfer process; the reply repeats them.
Sockets are in `answering.forwarding`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from struct import Struct
from typing import Final

from failoverdns.model.errors import Malformed

MAX_FRAME: Final = 1 << 18
"""Bytes of a frame; a connection may come with several messages that its client has sent."""

MAX_RECEIVED: Final = MAX_FRAME - 512
"""Bytes that a connection may come with."""

_HEAD: Final = Struct(">IB")
_NUMBER: Final = Struct(">I")

_TLS, _CLIENT_CERTIFICATE = 1, 2


class LinkKind(enum.IntEnum):
    """The kind of a frame."""

    MESSAGE = 1
    CONNECTION = 2
    REPLY = 3
    ASK = 4
    ANSWER = 5


@dataclass(frozen=True, slots=True)
class LinkedMessage:
    """A signed message that arrived over UDP from the address `host`; it gets a `LinkedReply`."""

    number: int
    host: str
    packet: bytes


@dataclass(frozen=True, slots=True)
class LinkedConnection:
    """A TCP or TLS connection of the client at `host`; its descriptor comes with it.

    `received` are bytes that the client has sent: two bytes of length and a message, several of
    these, and perhaps a part of one.  Over TLS the descriptor is one end of a pair of sockets whose
    other end is carried over TLS; `has_certificate` if the client has shown a certificate that was
    verified with `tls.client_ca`.
    """

    host: str
    received: bytes
    is_tls: bool = False
    has_certificate: bool = False


@dataclass(frozen=True, slots=True)
class LinkedReply:
    """The reply to a `LinkedMessage`; nothing is sent if `message` is empty."""

    number: int
    message: bytes


@dataclass(frozen=True, slots=True)
class LinkedQuery:
    """An ASK: a query of the client at `host`, without its TSIG record, which was verified."""

    number: int
    host: str
    packet: bytes


@dataclass(frozen=True, slots=True)
class LinkedAnswer:
    """The answer to a `LinkedQuery`, of the size that TCP allows; empty if there is none."""

    number: int
    message: bytes


Linked = LinkedMessage | LinkedConnection | LinkedReply | LinkedQuery | LinkedAnswer

_KINDS: Final[dict[type[Linked], LinkKind]] = {
    LinkedMessage: LinkKind.MESSAGE,
    LinkedConnection: LinkKind.CONNECTION,
    LinkedReply: LinkKind.REPLY,
    LinkedQuery: LinkKind.ASK,
    LinkedAnswer: LinkKind.ANSWER,
}

FROM_ANSWERING: Final = frozenset((LinkKind.MESSAGE, LinkKind.CONNECTION, LinkKind.ANSWER))
"""The kinds of frames that an answering process sends."""

FROM_TRANSFERS: Final = frozenset((LinkKind.REPLY, LinkKind.ASK))
"""The kinds of frames that the transfer process sends."""


def write_linked(linked: Linked) -> bytes:
    """Return a frame."""
    match linked:
        case LinkedMessage(number, host, packet) | LinkedQuery(number, host, packet):
            body = _NUMBER.pack(number) + _write_host(host) + packet
        case LinkedReply(number, message) | LinkedAnswer(number, message):
            body = _NUMBER.pack(number) + message
        case LinkedConnection(host, received, is_tls, has_certificate):
            flags = _TLS * is_tls | _CLIENT_CERTIFICATE * has_certificate
            body = bytes((flags,)) + _write_host(host) + received
    return _HEAD.pack(len(body) + 1, _KINDS[type(linked)]) + body


def read_linked(kind: LinkKind, body: bytes) -> Linked:
    """Return what a frame has; raises Malformed."""
    if kind is LinkKind.CONNECTION:
        host, received = _read_host(body, 1)
        return LinkedConnection(
            host, received, bool(body[0] & _TLS), bool(body[0] & _CLIENT_CERTIFICATE)
        )
    if len(body) < _NUMBER.size:
        raise Malformed("a frame without a number")
    (number,) = _NUMBER.unpack_from(body)
    match kind:
        case LinkKind.MESSAGE:
            return LinkedMessage(number, *_read_host(body, _NUMBER.size))
        case LinkKind.ASK:
            return LinkedQuery(number, *_read_host(body, _NUMBER.size))
        case LinkKind.REPLY:
            return LinkedReply(number, body[_NUMBER.size :])
        case LinkKind.ANSWER:
            return LinkedAnswer(number, body[_NUMBER.size :])


class LinkReader:
    """Reassembles frames from the pieces in which they arrive."""

    def __init__(self, kinds: frozenset[LinkKind]) -> None:
        """Read frames of these kinds; others are malformed."""
        self._kinds = kinds
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Linked]:
        """Take received bytes, and return the frames that are complete; raises Malformed."""
        buffer, frames, at = self._buffer, list[Linked](), 0
        buffer += data
        while len(buffer) - at >= _HEAD.size:
            length, kind = _HEAD.unpack_from(buffer, at)
            if not 1 <= length <= MAX_FRAME or kind not in self._kinds:
                raise Malformed(f"an invalid frame of a link: kind {kind}, {length} bytes")
            end = at + 4 + length
            if len(buffer) < end:
                break
            frames.append(read_linked(LinkKind(kind), bytes(buffer[at + _HEAD.size : end])))
            at = end
        del buffer[:at]
        return frames


def _write_host(host: str) -> bytes:
    written = host.encode("ascii")
    return bytes((len(written),)) + written


def _read_host(body: bytes, at: int) -> tuple[str, bytes]:
    """Return the host at an offset, and the bytes after it; raises Malformed."""
    end = at + 1 + body[at] if at < len(body) else len(body) + 1
    if len(body) < end:
        raise Malformed("a frame without a host")
    try:
        return body[at + 1 : end].decode("ascii"), body[end:]
    except UnicodeDecodeError:
        raise Malformed("a host that is not ASCII") from None
