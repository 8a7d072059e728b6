"""EDNS options: read those of a query, write those of a reply.

    code  option         in a query                  in a reply
    3     NSID           asks for it                 the server's identifier, when asked
    8     client subnet  checked                     the same with scope 0: it changes nothing
    10    cookie         checked: its length         client cookie and server cookie
    11    keepalive      asks for it                 over TCP: the idle timeout
    15    extended error ignored                     the reason for the answer
          others         ignored                     never

Which of them a reply has is decided in `answering.responding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import EdnsOption
from failoverdns.protocol.cookies import LENGTHS

MAX_OPTIONS: Final = 1024
"""EDNS options of a query that are read: all that fit into a query over UDP, and some more.

A message over TCP may have 16,000, and reading all would hold up the queries of others.
"""

_NSID: Final = EdnsOption.NSID.value
_CLIENT_SUBNET: Final = EdnsOption.CLIENT_SUBNET.value
_COOKIE: Final = EdnsOption.COOKIE.value
_KEEPALIVE: Final = EdnsOption.KEEPALIVE.value

_ADDRESS_BITS: Final = {0: 0, 1: 32, 2: 128}
"""Bits of an address by its family (RFC 7871 section 6); family 0 has no address."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a query; of several with the same code the first one counts.

    `cookie` is the client cookie, followed by a server cookie if the client has one;
    `client_subnet` is the data of that option, which is well-formed.
    """

    cookie: bytes | None = None
    client_subnet: bytes | None = None
    nsid: bool = False
    keepalive: bool = False


NO_OPTIONS: Final = Options()


def read_options(packet: bytes, at: int, end: int) -> Options:
    """Read the options between the offsets `at` and `end` (RFC 6891 section 6.1.2).

    There may be any number, of which the first `MAX_OPTIONS` are read.
    Raises Malformed.
    """
    if at == end:
        return NO_OPTIONS
    found: dict[int, bytes] = {}
    left = MAX_OPTIONS
    while left and at + 4 <= end:
        code, size = packet[at] << 8 | packet[at + 1], packet[at + 2] << 8 | packet[at + 3]
        found.setdefault(code, packet[at + 4 : at + 4 + size])
        at += 4 + size
        left -= 1
    if at > end or (left and at != end):
        raise Malformed("EDNS options that do not end where OPT ends")
    cookie, subnet = found.get(_COOKIE), found.get(_CLIENT_SUBNET)
    if cookie is not None and len(cookie) not in LENGTHS:
        raise Malformed("a cookie of invalid length")
    if subnet is not None:
        _check_subnet(subnet)
    return Options(cookie, subnet, _NSID in found, _KEEPALIVE in found)


def _check_subnet(data: bytes) -> None:
    """Raise Malformed for a client subnet that gets FORMERR (RFC 7871 section 7.1.2)."""
    if len(data) < 4:
        raise Malformed("a client subnet that is cut short")
    source, scope, address = data[2], data[3], data[4:]
    bits = _ADDRESS_BITS.get(int.from_bytes(data[:2], "big"))
    if bits is None or source > bits or scope:
        raise Malformed("a client subnet of unknown family or invalid length")
    if len(address) != (source + 7) // 8:
        raise Malformed("a client subnet whose address does not have the stated length")
    if source % 8 and address[-1] & 0xFF >> source % 8:
        raise Malformed("a client subnet with bits beyond its length")


def write_option(code: EdnsOption, data: bytes) -> bytes:
    """Return an option in wire form."""
    return pack(">HH", code, len(data)) + data


def without_scope(client_subnet: bytes) -> bytes:
    """Return a client subnet for the reply: the same with scope 0 (RFC 7871 section 7.2.1)."""
    return client_subnet[:3] + b"\0" + client_subnet[4:]


def keepalive_time(seconds: float) -> bytes:
    """Return the data of the keepalive option: units of 100 ms (RFC 7828 section 3.1)."""
    return pack(">H", min(int(seconds * 10), 0xFFFF))
