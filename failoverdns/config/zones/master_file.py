"""Read a whole zone file of another server without a configuration, to make one of it.

The records that a configuration has elsewhere are taken apart: the SOA record, the zone's own name
servers and their addresses.  The rules are those of `records_files`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path

from failoverdns.config.errors import START, ConfigError, ConfigErrors, FaultReport, Place
from failoverdns.config.zones.apex_records import negative_ttl, soa_data
from failoverdns.config.zones.record_text import owner_of
from failoverdns.config.zones.zone_entries import entries, zone_text
from failoverdns.config.zones.zone_file import LIMITS, Limits, Placed, read_zone_files
from failoverdns.config.zones.zone_records import static_records
from failoverdns.model.errors import Malformed
from failoverdns.model.group import DEFAULT_TTL
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, NS, SOA, A, StartOfAuthority
from failoverdns.model.zone import NameServer
from failoverdns.regular_files import open_regular

_ROOT = DomainName(b"\0")


@dataclass(frozen=True, slots=True)
class MasterFile:
    """A zone file, taken apart.

    `nameservers` are in the order of the file, with the addresses of those inside the zone.
    `negative_ttl` is the smaller of the TTL and the minimum of the SOA record, in seconds; None
    without one.
    `records` are all others, also those that cannot exist together; `errors` has these.
    """

    origin: DomainName
    soa: StartOfAuthority | None = None
    negative_ttl: int | None = None
    nameservers: tuple[NameServer, ...] = ()
    records: tuple[Placed, ...] = ()
    errors: tuple[ConfigError, ...] = ()


def read_master_file(
    path: Path, origin: DomainName | None = None, *, limits: Limits = LIMITS
) -> MasterFile:
    """Read the zone file at `path`, and the files that it includes.

    `origin` is that of the zone; with None it is the owner of the SOA record, as the file has it.
    Errors have the file as it is given, line and column.  Records without a TTL have that which
    the server has without one in the configuration.
    """
    faults = FaultReport(str(path))
    try:
        origin = origin or _origin_in(path, limits)
    except Malformed as fault:
        faults.add(START, str(fault))
        return MasterFile(_ROOT, errors=_errors_in(faults))
    placed = read_zone_files([(START, path)], origin, DEFAULT_TTL, limits, faults)
    soas = [each for each in placed if each[1].rtype == SOA]
    for place, _ in soas[1:]:
        faults.add(place, f"a second SOA record; the first is on {soas[0][0].line_text}")
    nameservers = _nameservers(placed, origin, faults)
    addressed = {server.name for server in nameservers if server.addresses}
    rest = [
        (place, record)
        for place, record in placed
        if record.rtype != SOA
        and not (record.rtype == NS and record.owner == origin)
        and not (record.rtype in (A, AAAA) and record.owner in addressed)
    ]
    static_records((), origin, DEFAULT_TTL, nameservers, faults, rest)
    return MasterFile(
        origin,
        soa_data(soas[0][1].data) if soas else None,
        negative_ttl(soas[0][1]) if soas else None,
        nameservers,
        tuple(rest),
        _errors_in(faults),
    )


def _nameservers(
    placed: Sequence[Placed], origin: DomainName, faults: FaultReport
) -> tuple[NameServer, ...]:
    """Return the zone's own name servers; report those in the zone that have no address."""
    places: dict[DomainName, Place] = {}
    for place, record in placed:
        if record.rtype == NS and record.owner == origin:
            places.setdefault(DomainName(record.data), place)
    servers = {name: NameServer(name) for name in places}
    for _, record in placed:
        if record.rtype in (A, AAAA) and record.owner in servers:
            address = ip_address(record.data)
            server = servers[record.owner]
            if address not in server.addresses:
                servers[record.owner] = replace(server, addresses=(*server.addresses, address))
    for name, server in servers.items():
        if name.is_at_or_below(origin) and not server.addresses:
            faults.add(places[name], f"the name server {name} has no address in this file")
    return tuple(servers.values())


def _origin_in(path: Path, limits: Limits) -> DomainName:
    """Return the owner of the SOA record of a file; raises Malformed."""
    try:
        with open_regular(path) as file:
            text = zone_text(file.read(limits.size), str(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise Malformed(f"cannot be read: {reason or error}") from None
    origin = owner = _ROOT
    for entry in entries(text):
        words = entry.text.split()
        if words[:1] and words[0].upper() == "$ORIGIN" and len(words) == 2:
            origin = DomainName.from_text(words[1], origin)
        elif entry.text[:1] not in ("", "$"):
            if entry.text[0] not in " \t":
                owner = owner_of(entry.text, origin)
            if "SOA" in (word.upper() for word in words[:4]):
                if owner.is_root:
                    break
                return owner
    raise Malformed("the name of the zone is not in the file; give its origin")


def _errors_in(faults: FaultReport) -> tuple[ConfigError, ...]:
    try:
        faults.raise_if_any()
    except ConfigErrors as found:
        return found.errors
    return ()
