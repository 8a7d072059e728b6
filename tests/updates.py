"""Dynamic updates for tests: messages that dnspython writes, and zones that may be updated."""

from __future__ import annotations

from collections.abc import Callable
from struct import pack

import dns.update

from failoverdns.model.commands.updates import UpdateZone
from failoverdns.model.names import DomainName
from failoverdns.model.zone import UpdateScope
from failoverdns.protocol.update import read_update

KEY = DomainName.from_text("update.failover.test")
ACME = DomainName.from_text("acme.failover.test")
HEADS = DomainName.from_text("heads.failover.test")

SCOPES = (
    UpdateScope(KEY, ("*",), frozenset({255})),
    UpdateScope(ACME, ("_acme-challenge", "_acme-challenge.*"), frozenset({16})),
    UpdateScope(HEADS, heads=("eu",)),
    UpdateScope(KEY, heads=("eu", "us", "shop")),
)
"""A key for everything, one for challenges, and one for heads of the application `eu`."""


def message(
    write: Callable[[dns.update.UpdateMessage], object], zone: str = "failover.test"
) -> bytes:
    """Return an UPDATE message without TSIG that `write` filled."""
    update = dns.update.UpdateMessage(zone)
    write(update)
    return update.to_wire()


def command(
    write: Callable[[dns.update.UpdateMessage], object],
    key: DomainName = KEY,
    zone: str = "failover.test",
) -> UpdateZone:
    """Return the command of an UPDATE message that `write` filled, signed with a key."""
    return UpdateZone(key, read_update(message(write, zone)))


ZONE_SECTION = b"\10failover\4test\0" + pack(">HH", 6, 1)


def raw(
    rtype: int, rclass: int, ttl: int = 0, data: bytes = b"", owner: bytes = b"\1a\xc0\x0c"
) -> bytes:
    """Return a record of a message as bytes; by default it is that of `a` in the zone."""
    return owner + pack(">HHIH", rtype, rclass, ttl, len(data)) + data


def raw_message(
    *updates: bytes,
    prerequisites: tuple[bytes, ...] = (),
    additional: tuple[bytes, ...] = (),
    zone: bytes = ZONE_SECTION,
    zones: int = 1,
    end: bytes = b"",
    id_: int = 7,
) -> bytes:
    """Return an UPDATE message as bytes, with any sections."""
    counts = zones, len(prerequisites), len(updates), len(additional)
    head = pack(">HHHHHH", id_, 5 << 11, *counts)
    return head + zone + b"".join((*prerequisites, *updates, *additional)) + end
