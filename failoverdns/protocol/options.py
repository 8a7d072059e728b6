"""EDNS options: what a query asks for with them, and how a reply tells it.

    code  option         in a query                  in a reply
    3     NSID           asks for it                 the server's identifier, when asked
    8     client subnet  checked                     the same with scope 0: it changes nothing
    10    cookie         checked: its length         the client's, and the server's for it
    11    keepalive      asks for it                 over TCP: the idle timeout
    15    extended error ignored                     why the answer is what it is
          others         ignored                     never

Refuses to know whether an option is answered: `answering` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import EdnsOption
from failoverdns.protocol.cookies import LENGTHS

MAX_OPTIONS: Final = 32
"""EDNS options in a query."""

_NSID: Final = EdnsOption.NSID.value
_CLIENT_SUBNET: Final = EdnsOption.CLIENT_SUBNET.value
_COOKIE: Final = EdnsOption.COOKIE.value
_KEEPALIVE: Final = EdnsOption.KEEPALIVE.value

_ADDRESS_BITS: Final = {0: 0, 1: 32, 2: 128}
"""Of an address, by its family (RFC 7871 section 6); 0 is none."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the options of a query say; of several of a kind the first counts.

    `cookie` is the client's cookie, and the server's if the client has one; `client_subnet` the
    data of that option, found well-formed.
    """

    cookie: bytes | None = None
    client_subnet: bytes | None = None
    nsid: bool = False
    keepalive: bool = False


NO_OPTIONS: Final = Options()


def read_options(packet: bytes, at: int, end: int) -> Options:
    """Read the options between `at` and `end`; raises Malformed (RFC 6891 section 6.1.2)."""
    if at == end:
        return NO_OPTIONS
    found: dict[int, bytes] = {}
    for _ in range(MAX_OPTIONS):
        if at + 4 > end:
            break
        code, size = packet[at] << 8 | packet[at + 1], packet[at + 2] << 8 | packet[at + 3]
        found.setdefault(code, packet[at + 4 : at + 4 + size])
        at += 4 + size
    if at != end:
        raise Malformed("EDNS options that are too many, or do not end where OPT does")
    cookie, subnet = found.get(_COOKIE), found.get(_CLIENT_SUBNET)
    if cookie is not None and len(cookie) not in LENGTHS:
        raise Malformed("a cookie of a length that there is not")
    if subnet is not None:
        _check_subnet(subnet)
    return Options(cookie, subnet, _NSID in found, _KEEPALIVE in found)


def _check_subnet(data: bytes) -> None:
    """Raise Malformed for what RFC 7871 section 7.1.2 says is FORMERR."""
    if len(data) < 4:
        raise Malformed("a client subnet that is cut short")
    source, scope, address = data[2], data[3], data[4:]
    bits = _ADDRESS_BITS.get(int.from_bytes(data[:2], "big"))
    if bits is None or source > bits or scope:
        raise Malformed("a client subnet of no family or length that there is")
    if len(address) != (source + 7) // 8:
        raise Malformed("a client subnet with more or less address than it says")
    if source % 8 and address[-1] & 0xFF >> source % 8:
        raise Malformed("a client subnet with bits beyond its length")


def write_option(code: EdnsOption, data: bytes) -> bytes:
    """Return an option in wire form."""
    return pack(">HH", code, len(data)) + data


def without_scope(client_subnet: bytes) -> bytes:
    """Return a client subnet for the reply: the same, for all clients (RFC 7871 section 7.2.1)."""
    return client_subnet[:3] + b"\0" + client_subnet[4:]


def keepalive_time(seconds: float) -> bytes:
    """Return a timeout in units of 100 ms (RFC 7828 section 3.1)."""
    return pack(">H", min(int(seconds * 10), 0xFFFF))
