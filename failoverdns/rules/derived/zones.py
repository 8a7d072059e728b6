"""The serial numbers of zones, and the SOA RRsets that carry them."""

from __future__ import annotations

from collections.abc import Iterable

from failoverdns.model.change import Delta, Write
from failoverdns.model.names import DomainName
from failoverdns.model.records import OwnedRRset
from failoverdns.model.zone import RESERVED_SERIALS, ZoneSerial, next_serial
from failoverdns.rules.derived.view import View

NOT_CONFIGURED = ""
"""The digest of a zone that is not configured any more.

Its serial number stays stored, and increases if the zone is configured again."""


def serial_writes(view: View, delta: Delta, now: float | None) -> tuple[Write, ...]:
    """Return the writes that raise the serial number of each zone that `delta` changes.

    Zones whose SOA record is in `delta` already are left out.  `now` is in seconds since 1970;
    without it the numbers are the next ones, for a change that is not stored.
    """
    origins = {node.zone for node in delta.nodes}
    for owner in delta.removed:
        name = owner
        while view.zone(name) is None and not name.is_root:
            name = name.parent()
        if not name.is_root:
            origins.add(name)
    origins -= {rrset.owner for rrset in delta.authorities}
    writes = []
    for origin in sorted(origins, key=lambda name: name.wire):
        before = view.serial(origin)
        if before is not None:
            writes.append(raised_serial(before, origin, before.digest, now))
    return tuple(writes)


def is_catalog(view: View, name: DomainName) -> bool:
    """Return whether `name` is the catalog zone, which no process answers that everybody asks."""
    serial = view.serial(name)
    return serial is not None and serial.digest != NOT_CONFIGURED and view.zone(name) is None


def authorities(view: View, writes: Iterable[Write]) -> tuple[OwnedRRset, ...]:
    """Return the SOA RRsets of the zones whose serial numbers `writes` set."""
    rrsets = []
    for write in writes:
        if isinstance(write.after, ZoneSerial):
            zone = view.zone(write.after.origin)
            if zone is not None:
                rrsets.append(zone.start_of_authority(write.after.serial))
    return tuple(rrsets)


def all_authorities(view: View) -> tuple[OwnedRRset, ...]:
    """Return the SOA RRset of every zone."""
    pairs = ((zone, view.serial(zone.origin)) for zone in view.zones)
    return tuple(zone.start_of_authority(s.serial) for zone, s in pairs if s is not None)


def raised_serial(
    before: ZoneSerial | None, origin: DomainName, digest: str, now: float | None
) -> Write:
    """Return the write that gives a zone its next serial number, which never decreases."""
    serial = next_serial(before.serial if before else None, now)
    return Write(before, ZoneSerial(origin, serial, digest))


def above_reserved(before: ZoneSerial, digest: str, now: float) -> Write:
    """Return the write that raises a serial number above all that may have been served unstored."""
    last = (before.serial + RESERVED_SERIALS) & 0xFFFFFFFF
    return Write(before, ZoneSerial(before.origin, next_serial(last, now), digest))
