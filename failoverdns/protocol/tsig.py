"""TSIG records of queries (RFC 8945): no key is known here, so each is answered with BADKEY.

A client that signs its queries wants to know that the server lacks its key; an answer without a
signature would look like a forged one.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import RRClass, RRType

TSIG: Final = RRType.TSIG.value

_ANY: Final = RRClass.ANY.value
_BADKEY: Final = 17
_HEAD: Final = Struct(">HHIH")
"""Type, class, TTL, bytes of the RDATA."""

_TIMES: Final = Struct(">6sHH")
"""The time of the signature, how far clocks may be apart, bytes of the MAC."""

_END: Final = Struct(">HHH")
"""The original id, the error, bytes of other data."""

_MOST_NAMES: Final = 200
"""Bytes of the names of key and algorithm that a reply repeats: it has at most 512 bytes."""


def bad_key(owner: bytes, rclass: int, rdata: bytes, algorithm_end: int) -> bytes:
    """Return the TSIG record of a reply that says that the key of a query is not known.

    `owner` is the name of the key, without compression; `algorithm_end` is where the name of the
    algorithm in `rdata` ends.  Empty if these names are too long to be repeated.
    RFC 8945 sections 4.2, 5.2.1 and 5.3.2.  Raises Malformed.
    """
    if rclass != _ANY:
        raise Malformed("a TSIG record of another class than ANY")
    at = algorithm_end + _TIMES.size
    if at > len(rdata):
        raise Malformed("a TSIG record that is cut short")
    time, fudge, mac_size = _TIMES.unpack_from(rdata, algorithm_end)
    at += mac_size
    if at + _END.size > len(rdata):
        raise Malformed("a TSIG record that is cut short")
    original_id, _, other = _END.unpack_from(rdata, at)
    if at + _END.size + other != len(rdata):
        raise Malformed("a TSIG record with bytes after its data")
    algorithm = rdata[:algorithm_end]
    if len(owner) + len(algorithm) > _MOST_NAMES:
        return b""
    data = algorithm + _TIMES.pack(time, fudge, 0) + _END.pack(original_id, _BADKEY, 0)
    return owner + _HEAD.pack(TSIG, _ANY, 0, len(data)) + data
