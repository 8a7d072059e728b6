"""TSIG: messages that are signed with a key that both sides have (RFC 8945).

    verify        a request of a client    -> Unsigned, Verified, or Failed with its error reply
    sign_reply    the reply to a verified request; ReplySigner for a reply of many messages
    sign_request  a request of ours        -> the message, and the MAC that the reply must know
    verify_reply  the reply to it          -> the message without TSIG, or NotVerified

The keys are in one process, which answers no other clients (`failoverdns.transfers`).  Processes
that answer everybody know the names of keys only; `tsig_records` has what they need.

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
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.numbers import Rcode, RRClass, TSIGError
from failoverdns.protocol.compressed_names import skip_name
from failoverdns.protocol.tsig_records import (
    MOST_NAMES,
    MisplacedTSIG,
    TSIGRecord,
    read_tsig,
    with_tsig,
    without_tsig,
)

MOST_FUDGE: Final = 300
"""Seconds by which two clocks may differ: what we put into signatures, and the most we honour."""

_LEAST_MAC: Final = 10
"""Bytes of the shortest MAC, if half of the full one is not more (RFC 8945 section 5.2.2.1)."""

_ANY: Final = RRClass.ANY.value
_HEADER: Final = Struct(">HHHHHH")
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
    unsigned = without_tsig(message, found)
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
        return with_tsig(message, key.name, key.algorithm.wire, times, self._prior)


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
        if len(found.name) + len(found.algorithm) > MOST_NAMES:
            return message
        times = pack(">6sH", found.time.to_bytes(6, "big"), found.fudge)
        return with_tsig(message, found.name, found.algorithm, times, b"", error)
    other = now.to_bytes(6, "big") if error is TSIGError.BADTIME else b""
    time = found.time if error is TSIGError.BADTIME else now
    times = pack(">6sH", time.to_bytes(6, "big"), MOST_FUDGE)
    prior = len(found.mac).to_bytes(2, "big") + found.mac
    mac = _mac(key, prior, message, _all_variables(key, times, error, other))
    return with_tsig(message, key.name, key.algorithm.wire, times, mac, error, other)


def sign_request(message: bytes, key: TSIGKey, now: int) -> tuple[bytes, bytes]:
    """Return a request with its TSIG record, and the MAC (RFC 8945 section 5.1)."""
    times = pack(">6sH", now.to_bytes(6, "big"), MOST_FUDGE)
    mac = _mac(key, message, _all_variables(key, times))
    return with_tsig(message, key.name, key.algorithm.wire, times, mac), mac


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
    unsigned = without_tsig(message, found)
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
        why = f"the server replies TSIG error {found.error}"
        raise NotVerified(why, rcode=rcode, error=found.error)
    if abs(now - found.time) > min(found.fudge, MOST_FUDGE):
        raise NotVerified(
            f"the reply was signed {abs(now - found.time)} seconds "
            f"{'ago' if found.time < now else 'ahead'}",
            rcode=rcode,
        )
    return unsigned


def tsig_size(key: TSIGKey) -> int:
    """Return the bytes of a TSIG record that signs with a key, without other data."""
    algorithm = key.algorithm
    return len(key.name) + 10 + len(algorithm.wire) + 10 + algorithm.size + 6


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
