"""TSIG: messages that are signed with a key that both sides have (RFC 8945).

    verify        a request of a client    -> Unsigned, Verified, or Failed with its error reply
    sign_reply    the reply to a verified request; ReplySigner for a reply of many messages
    sign_request  a request of ours        -> the message, and the MAC that the reply must know
    verify_reply  the reply to it          -> the message without TSIG, or NotVerified

The keys are in one process, which answers no other clients (`failoverdns.transfers`).  Processes
that answer everybody know the names of keys only, and use `bad_key` for all others.

Against replay there is the time of the signature only: a signed request can be sent again within
its fudge, of which at most `MOST_FUDGE` seconds count.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from struct import Struct, pack
from struct import error as StructError  # noqa: N812
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import Rcode, RRClass, RRType, TSIGError
from failoverdns.protocol.compressed_names import read_name, skip_name

TSIG: Final = RRType.TSIG.value

MOST_FUDGE: Final = 300
"""Seconds by which two clocks may differ: what we put into signatures, and the most we honour."""

_LEAST_MAC: Final = 10
"""Bytes of the shortest MAC, if half of the full one is not more (RFC 8945 section 5.2.2.1)."""

_ANY: Final = RRClass.ANY.value
_HEADER: Final = Struct(">HHHHHH")
_HEAD: Final = Struct(">HHIH")
"""Type, class, TTL, bytes of the RDATA."""

_TIMES: Final = Struct(">6sHH")
"""The time of the signature, how far clocks may be apart, bytes of the MAC."""

_END: Final = Struct(">HHH")
"""The original id, the error, bytes of other data."""

_MOST_NAMES: Final = 200
"""Bytes of the names of key and algorithm that a reply repeats: it has at most 512 bytes."""

_QR: Final = 0x8000


class Algorithm(Enum):
    """The algorithms of keys, by their names in the configuration (RFC 8945 section 6)."""

    HMAC_SHA256 = "hmac-sha256"
    HMAC_SHA384 = "hmac-sha384"
    HMAC_SHA512 = "hmac-sha512"

    @property
    def wire(self) -> bytes:
        """The name of the algorithm in wire form."""
        return bytes((len(self.value),)) + self.value.encode("ascii") + b"\0"

    @property
    def digest(self) -> str:
        """The name of the hash function, for `hashlib`."""
        return self.value.removeprefix("hmac-")

    @property
    def size(self) -> int:
        """The bytes of a full MAC."""
        return hashlib.new(self.digest).digest_size


@dataclass(frozen=True, slots=True)
class TSIGKey:
    """A key; `name` is in wire form and lower case.

    `least_mac` is the least number of bytes of a MAC beside what RFC 8945 demands; a MAC that is
    shorter gets BADTRUNC (section 5.2.4).
    """

    name: bytes
    algorithm: Algorithm
    secret: bytes = field(repr=False)
    least_mac: int = 0


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A message without TSIG."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A request that was signed with `key`.

    `message` is without TSIG and has its original id; `mac` is the MAC as sent; `time` is when it
    was signed, in seconds since 1970.
    """

    key: TSIGKey
    mac: bytes
    message: bytes
    time: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A request that is not verified: the rcode of its reply, the TSIG error, and why.

    `tsig` is its TSIG record as far as the reply needs it, None for FORMERR.  `key` is that with
    which the reply is signed: of BADTIME and BADTRUNC only, None else.
    """

    rcode: Rcode
    error: TSIGError | None
    why: str
    tsig: TSIGRecord | None = None
    key: TSIGKey | None = None


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


class NotVerified(Exception):
    """A reply that does not prove that it comes from the server that was asked.

    `rcode` is that of the reply; `error` is the error that its TSIG record has, 0 for none;
    `server_time` is the time of the server, in seconds since 1970, with BADTIME, else None.
    """

    def __init__(
        self, why: str, *, rcode: int = 0, error: int = 0, server_time: int | None = None
    ) -> None:
        super().__init__(why)
        self.rcode = rcode
        self.error = error
        self.server_time = server_time


def verify(message: bytes, keys: Mapping[bytes, TSIGKey], now: int) -> Unsigned | Verified | Failed:
    """Check the signature of a request (RFC 8945 section 5.2).

    `keys` are keys by their names, `now` is in seconds since 1970.  Raises Malformed if the
    records of the message cannot be read.
    """
    try:
        found = read_tsig(message)
    except MisplacedTSIG as fault:
        return Failed(Rcode.FORMERR, None, str(fault))
    if found is None:
        return Unsigned()
    key = keys.get(found.name)
    if key is None or found.algorithm != key.algorithm.wire:
        return Failed(Rcode.NOTAUTH, TSIGError.BADKEY, "a key that is not known", found)
    size, full = len(found.mac), key.algorithm.size
    if not max(_LEAST_MAC, full // 2) <= size <= full:
        return Failed(Rcode.FORMERR, None, f"a MAC of {size} bytes")
    unsigned = _without_tsig(message, found)
    mac = _mac(key, unsigned, _variables(found))
    if not hmac.compare_digest(mac[:size], found.mac):
        return Failed(Rcode.NOTAUTH, TSIGError.BADSIG, "a wrong signature", found)
    if abs(now - found.time) > min(found.fudge, MOST_FUDGE):
        why = f"signed {abs(now - found.time)} seconds {'ago' if found.time < now else 'ahead'}"
        return Failed(Rcode.NOTAUTH, TSIGError.BADTIME, why, found, key)
    if size < key.least_mac:
        return Failed(Rcode.NOTAUTH, TSIGError.BADTRUNC, f"a MAC of {size} bytes", found, key)
    return Verified(key, found.mac, unsigned, found.time)


def sign_reply(message: bytes, verified: Verified, now: int) -> bytes:
    """Return the reply to a verified request with its TSIG record (RFC 8945 section 5.3)."""
    return ReplySigner(verified).sign(message, now)


class ReplySigner:
    """Signs the messages of one reply, each with the MAC of the one before.

    `size` is what each signature adds, in bytes (RFC 8945 section 5.3.1).
    """

    def __init__(self, verified: Verified) -> None:
        self._key = verified.key
        self._prior = verified.mac
        self._is_first = True
        self.size = tsig_size(verified.key)

    def sign(self, message: bytes, now: int) -> bytes:
        """Return the next message with its TSIG record; `now` is in seconds since 1970."""
        key = self._key
        times = pack(">6sH", now.to_bytes(6, "big"), MOST_FUDGE)
        variables = _all_variables(key, times) if self._is_first else times
        prior = len(self._prior).to_bytes(2, "big") + self._prior
        self._is_first = False
        self._prior = _mac(key, prior, message, variables)
        return _with_tsig(message, key.name, key.algorithm.wire, times, self._prior)


def error_reply(request: bytes, failed: Failed, now: int) -> bytes:
    """Return the reply to a request that failed: its question, the rcode, and a TSIG record.

    Signed for BADTIME, which has our time as other data, and BADTRUNC; unsigned for BADKEY and
    BADSIG; without TSIG for FORMERR.  RFC 8945 sections 5.2 and 5.3.2.
    """
    id_, flags, questions, *_ = _HEADER.unpack_from(request)
    flags = _QR | flags & 0x7900 | failed.rcode & 0xF
    question = b""
    if questions == 1:
        question = request[12 : skip_name(request, 12) + 4]
    message = _HEADER.pack(id_, flags, int(bool(question)), 0, 0, 0) + question
    found, key, error = failed.tsig, failed.key, failed.error
    if found is None or error is None:
        return message
    if key is None:
        if len(found.name) + len(found.algorithm) > _MOST_NAMES:
            return message
        times = pack(">6sH", found.time.to_bytes(6, "big"), found.fudge)
        return _with_tsig(message, found.name, found.algorithm, times, b"", error)
    other = now.to_bytes(6, "big") if error is TSIGError.BADTIME else b""
    time = found.time if error is TSIGError.BADTIME else now
    times = pack(">6sH", time.to_bytes(6, "big"), MOST_FUDGE)
    prior = len(found.mac).to_bytes(2, "big") + found.mac
    mac = _mac(key, prior, message, _all_variables(key, times, error, other))
    return _with_tsig(message, key.name, key.algorithm.wire, times, mac, error, other)


def sign_request(message: bytes, key: TSIGKey, now: int) -> tuple[bytes, bytes]:
    """Return a request with its TSIG record, and the MAC (RFC 8945 section 5.1)."""
    times = pack(">6sH", now.to_bytes(6, "big"), MOST_FUDGE)
    mac = _mac(key, message, _all_variables(key, times))
    return _with_tsig(message, key.name, key.algorithm.wire, times, mac), mac


def verify_reply(message: bytes, key: TSIGKey, request_mac: bytes, now: int) -> bytes:
    """Return the reply to a request of ours without TSIG (RFC 8945 section 5.4).

    `request_mac` is what `sign_request` returned.  Raises NotVerified, and Malformed if the records
    of the message cannot be read.
    """
    try:
        found = read_tsig(message)
    except MisplacedTSIG as fault:
        raise Malformed(str(fault)) from None
    rcode = message[3] & 0xF
    if found is None:
        raise NotVerified("the reply is not signed", rcode=rcode)
    if found.name != key.name or found.algorithm != key.algorithm.wire:
        raise NotVerified("the reply is signed with another key", rcode=rcode, error=found.error)
    if not found.mac and found.error in (TSIGError.BADKEY, TSIGError.BADSIG):
        name = TSIGError(found.error).name
        raise NotVerified(f"the server replies {name}", rcode=rcode, error=found.error)
    size, full = len(found.mac), key.algorithm.size
    if not max(_LEAST_MAC, full // 2, key.least_mac) <= size <= full:
        raise NotVerified(f"the reply has a MAC of {size} bytes", rcode=rcode, error=found.error)
    prior = len(request_mac).to_bytes(2, "big") + request_mac
    unsigned = _without_tsig(message, found)
    mac = _mac(key, prior, unsigned, _variables(found))
    if not hmac.compare_digest(mac[:size], found.mac):
        raise NotVerified("the reply has a wrong signature", rcode=rcode)
    if found.error == TSIGError.BADTIME and len(found.other) == 6:
        server = int.from_bytes(found.other, "big")
        raise NotVerified(
            f"the server replies BADTIME: its clock is {abs(server - now)} seconds "
            f"{'behind' if server < now else 'ahead'}",
            rcode=rcode,
            error=found.error,
            server_time=server,
        )
    if found.error:
        raise NotVerified(f"the server replies TSIG error {found.error}", error=found.error)
    if abs(now - found.time) > min(found.fudge, MOST_FUDGE):
        raise NotVerified(
            f"the reply was signed {abs(now - found.time)} seconds "
            f"{'ago' if found.time < now else 'ahead'}",
            rcode=rcode,
        )
    return unsigned


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


def tsig_size(key: TSIGKey) -> int:
    """Return the bytes of a TSIG record that signs with a key, without other data."""
    algorithm = key.algorithm
    return len(key.name) + 10 + len(algorithm.wire) + 10 + algorithm.size + 6


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


def _without_tsig(message: bytes, found: TSIGRecord) -> bytes:
    """Return a message as it was before it was signed (RFC 8945 section 4.3.2)."""
    additionals = int.from_bytes(message[10:12], "big") - 1
    head = found.original_id.to_bytes(2, "big") + message[2:10] + additionals.to_bytes(2, "big")
    return head + message[12 : found.start]


def _with_tsig(
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


def _all_variables(key: TSIGKey, times: bytes, error: int = 0, other: bytes = b"") -> bytes:
    """Return what is signed after a message: the TSIG variables (RFC 8945 section 4.3.3)."""
    head = key.name + pack(">HI", _ANY, 0) + key.algorithm.wire
    return head + times + pack(">HH", error, len(other)) + other


def _variables(found: TSIGRecord) -> bytes:
    """Return the TSIG variables of a record that was received."""
    return b"".join(
        (
            found.name,
            pack(">HI", _ANY, 0),
            found.algorithm,
            pack(">6sH", found.time.to_bytes(6, "big"), found.fudge),
            pack(">HH", found.error, len(found.other)),
            found.other,
        )
    )


def _mac(key: TSIGKey, *parts: bytes) -> bytes:
    """Return the full MAC of bytes."""
    made = hmac.new(key.secret, digestmod=key.algorithm.digest)
    for part in parts:
        made.update(part)
    return made.digest()


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
    data = algorithm + _TIMES.pack(time, fudge, 0) + _END.pack(original_id, TSIGError.BADKEY, 0)
    return owner + _HEAD.pack(TSIG, _ANY, 0, len(data)) + data
