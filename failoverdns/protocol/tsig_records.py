"""TSIG records: read from a message, added to one, and taken out again (RFC 8945 section 4.2).

Nothing here knows a key.  `bad_key` is the answer of a process that does not have any.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, pack
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import RRClass, RRType, TSIGError
from failoverdns.protocol.compressed_names import read_name, skip_name

TSIG: Final = RRType.TSIG.value

MOST_NAMES: Final = 200
"""Bytes of the names of key and algorithm that a reply repeats: it has at most 512 bytes."""

_ANY: Final = RRClass.ANY.value
_HEADER: Final = Struct(">HHHHHH")
_HEAD: Final = Struct(">HHIH")
"""Type, class, TTL, bytes of the RDATA."""

_TIMES: Final = Struct(">6sHH")
"""The time of the signature, how far clocks may be apart, bytes of the MAC."""

_END: Final = Struct(">HHH")
"""The original id, the error, bytes of other data."""


@dataclass(frozen=True, slots=True)
class TSIGRecord:
    """A TSIG record (RFC 8945 section 4.2); names in wire form, `name` and `algorithm` lower case.

    `start` is its offset in the message, `time` in seconds since 1970, `fudge` in seconds.
    """

    start: int
    name: bytes
    algorithm: bytes
    time: int
    fudge: int
    mac: bytes
    original_id: int
    error: int
    other: bytes


class MisplacedTSIG(Malformed):
    """A TSIG record that is not the last one of its message, or not well-formed."""


def read_tsig(message: bytes) -> TSIGRecord | None:
    """Return the TSIG record of a message, None if it has none.

    Raises Malformed if the records cannot be read, MisplacedTSIG for a TSIG record that is not the
    last one or not well-formed (RFC 8945 sections 4.2 and 5.2).
    """
    if len(message) < 12:
        raise Malformed("shorter than a header")
    _, _, questions, answers, authorities, additionals = _HEADER.unpack_from(message)
    at = 12
    for _ in range(questions):
        at = skip_name(message, at) + 4
    found: TSIGRecord | None = None
    before = answers + authorities
    for index in range(before + additionals):
        if found is not None:
            raise MisplacedTSIG("a TSIG record that is not the last one")
        start, at = at, skip_name(message, at)
        if at + 10 > len(message):
            raise Malformed("a record is cut short")
        rtype, rclass, ttl, length = _HEAD.unpack_from(message, at)
        data, at = at + 10, at + 10 + length
        if at > len(message):
            raise Malformed("a record is cut short")
        if rtype == TSIG:
            if index < before or rclass != _ANY or ttl:
                raise MisplacedTSIG("a TSIG record with another section, class or TTL")
            found = _read_record(message, start, data, at)
    if at != len(message):
        raise Malformed("bytes after the message")
    return found


def without_tsig(message: bytes, found: TSIGRecord) -> bytes:
    """Return a message as it was before it was signed (RFC 8945 section 4.3.2)."""
    additionals = int.from_bytes(message[10:12], "big") - 1
    head = found.original_id.to_bytes(2, "big") + message[2:10] + additionals.to_bytes(2, "big")
    return head + message[12 : found.start]


def with_tsig(
    message: bytes,
    name: bytes,
    algorithm: bytes,
    times: bytes,
    mac: bytes,
    error: int = 0,
    other: bytes = b"",
) -> bytes:
    """Return a message with a TSIG record at its end."""
    data = b"".join(
        (
            algorithm,
            times,
            len(mac).to_bytes(2, "big"),
            mac,
            message[:2],
            pack(">HH", error, len(other)),
            other,
        )
    )
    additionals = int.from_bytes(message[10:12], "big") + 1
    return b"".join(
        (
            message[:10],
            additionals.to_bytes(2, "big"),
            message[12:],
            name,
            _HEAD.pack(TSIG, _ANY, 0, len(data)),
            data,
        )
    )


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
    if len(owner) + len(algorithm) > MOST_NAMES:
        return b""
    data = algorithm + _TIMES.pack(time, fudge, 0) + _END.pack(original_id, TSIGError.BADKEY, 0)
    return owner + _HEAD.pack(TSIG, _ANY, 0, len(data)) + data


def _read_record(message: bytes, start: int, data: int, end: int) -> TSIGRecord:
    """Read the TSIG record at `start`, whose RDATA is from `data` to `end`."""
    try:
        name, _ = read_name(message, start)
        algorithm, at = read_name(message[:end], data)
        time, fudge, size = _TIMES.unpack_from(message, at)
        at += _TIMES.size
        mac = message[at : at + size]
        at += size
        original_id, error, length = _END.unpack_from(message, at)
        at += _END.size
    except Malformed as fault:
        raise MisplacedTSIG(f"a TSIG record with {fault}") from None
    except StructError:
        raise MisplacedTSIG("a TSIG record that is cut short") from None
    if at + length != end:
        raise MisplacedTSIG("a TSIG record whose data has another length")
    other = message[at:end]
    seconds = int.from_bytes(time, "big")
    return TSIGRecord(start, name, algorithm, seconds, fudge, mac, original_id, error, other)
