"""Which key a message names in its TSIG record, found without checking the signature.

Whoever answers DNS clients knows the names of keys, and not their secrets.  It finds the name here,
in bounded time, and hands the message over to the process that has the secret; that one reads all
of the message, and its word counts.
"""

from __future__ import annotations

from collections.abc import Collection
from struct import pack
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import RRClass, RRType
from failoverdns.protocol.compressed_names import read_name

_LONGEST: Final = 255
_START: Final = pack(">HHI", RRType.TSIG, RRClass.ANY, 0)
"""Type, class and TTL of a TSIG record, which follow its owner (RFC 8945 section 4.2)."""


def key_at_end(packet: bytes, keys: Collection[bytes]) -> bytes | None:
    """Return which of some keys the TSIG record at the end of a message names; None for no key.

    It looks at the end of the message only, however many records come before.  `keys` are in wire
    form and lower case.
    """
    at = packet.rfind(_START, 12)
    data = at + len(_START) + 2
    if at < 0 or data + int.from_bytes(packet[data - 2 : data], "big") != len(packet):
        return None
    before = packet[max(12, at - _LONGEST) : at].lower()
    for key in keys:
        if before.endswith(key):
            return key
    try:
        rest = read_name(packet, at - 2)[0] if packet[at - 2] >= 0xC0 else b""
    except Malformed:
        return None
    for key in keys:
        if rest and key.endswith(rest) and before[:-2].endswith(key[: -len(rest)]):
            return key
    return None
