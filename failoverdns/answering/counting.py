"""Counts of queries in an answering process: by transport, and by the RCODE of the reply.

What the C code answers is counted there (`failoverdns/native/batch.c`); everything else is counted
here.  Both together are flat: names with numbers, such as `queries.udp.NXDOMAIN`, which only grow
while the process runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from failoverdns.model.numbers import Rcode, RRType

TRANSPORTS: Final = ("udp", "tcp", "tls")
"""How a query may arrive."""

OTHER: Final = "OTHER"
"""The word for an RCODE without a name here."""

_NAMES: Final = {int(rcode): rcode.name for rcode in Rcode}
_OF_HEADER: Final = tuple(_NAMES.get(number, OTHER) for number in range(16))
_QUERY_HEADER, _OPT = 12, RRType.OPT.to_bytes(2, "big")
_EXTENDED: Final = frozenset((Rcode.NOERROR, Rcode.YXRRSET))
"""The low bits of BADVERS and BADCOOKIE, whose high bits are in the OPT record."""

LIMITED: Final = ("dropped", "slipped")
"""What rate limiting did instead of sending a reply: nothing, or a truncated reply."""

NAMES: Final = frozenset(
    (
        *(f"queries.{t}.{name}" for t in TRANSPORTS for name in (*_NAMES.values(), OTHER)),
        *(f"{what}.{t}" for what in ("truncated", "ignored") for t in TRANSPORTS),
        *(f"limited.{what}" for what in LIMITED),
        *(f"{what}.{t}" for what in ("accepted", "evicted") for t in ("tcp", "tls")),
        *("unsent.udp", "signed.forwarded", "signed.refused"),
    )
)
"""Every name that counts of an answering process may have."""


class ReplyCounts:
    """Counts of replies that were written in Python, over one transport."""

    __slots__ = ("ignored", "rcodes", "truncated")

    def __init__(self) -> None:
        self.rcodes = dict.fromkeys((*_NAMES.values(), OTHER), 0)
        """Replies by the name of their RCODE."""
        self.truncated = self.ignored = 0
        """Replies with TC; packets that get no reply."""

    def note(self, reply: bytes) -> None:
        """Count a reply."""
        self.rcodes[rcode_name(reply)] += 1
        self.truncated += reply[2] >> 1 & 1


def rcode_name(reply: bytes) -> str:
    """Return the name of the RCODE of a message with a whole header (RFC 6891 section 6.1.3)."""
    low = reply[3] & 0xF
    if low in _EXTENDED and reply[6:10] == b"\0\0\0\0" and reply[10:12] != b"\0\0":
        at = _QUERY_HEADER
        if reply[4:6] == b"\0\1":
            while at < len(reply) and 0 < reply[at] < 64:
                at += 1 + reply[at]
            at += 5
        if reply[at + 1 : at + 3] == _OPT and len(reply) > at + 5:
            return _NAMES.get(reply[at + 5] << 4 | low, OTHER)
    return _OF_HEADER[low]


def flat(transport: str, counts: ReplyCounts) -> dict[str, int]:
    """Return counts by their names, without those that are zero."""
    found = {f"queries.{transport}.{name}": count for name, count in counts.rcodes.items() if count}
    found[f"truncated.{transport}"] = counts.truncated
    found[f"ignored.{transport}"] = counts.ignored
    return found


def flat_native(rcodes: Iterable[int], truncated: int, ignored: int) -> dict[str, int]:
    """Return counts of the C code, over UDP, by their names; see `batch.h` for the numbers."""
    names = ["BADCOOKIE" if at == Rcode.YXRRSET else name for at, name in enumerate(_OF_HEADER)]
    found = {"truncated.udp": truncated, "ignored.udp": ignored}
    for name, count in zip(names, rcodes, strict=True):
        if count:
            name = f"queries.udp.{name}"
            found[name] = found.get(name, 0) + count
    return found


def add(total: dict[str, int], counts: dict[str, int]) -> None:
    """Add counts to a total, by name."""
    for name, count in counts.items():
        total[name] = total.get(name, 0) + count
