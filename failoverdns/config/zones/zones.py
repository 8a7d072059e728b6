"""The section `zones`, which becomes `Zone` values.

Origins, name servers, TTLs and contacts are checked against each other here; static records are
checked in `zone_records`, and zone files are read in `zone_file`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.names_of_keys import known_keys, known_secondaries
from failoverdns.config.scalars import absolute, host_name
from failoverdns.config.sections import ZoneSection
from failoverdns.config.zones.aliases import check_aliases, read_alias
from failoverdns.config.zones.record_text import is_status_name
from failoverdns.config.zones.transfer_terms import soa_timers, zone_secondaries
from failoverdns.config.zones.updates import read_updates
from failoverdns.config.zones.zone_file import LIMITS, read_zone_files
from failoverdns.config.zones.zone_records import static_records
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, A
from failoverdns.model.settings import ZoneFileLimits
from failoverdns.model.zone import (
    MAX_ORIGIN,
    STATUS_LABEL,
    NameServer,
    Reveal,
    Zone,
)


@dataclass(frozen=True, slots=True)
class _Source:
    """A zone as the file has it.

    `usable` lacks the values that were refused, `written` has them: so a refused value is not
    reported as missing as well.
    """

    origin: DomainName
    section: ZoneSection
    usable: Node
    written: Node
    faults: FaultReport

    def is_refused(self, key: str) -> bool:
        return self.usable.lacks_any_of(self.written, (key,))


def read_zones(
    sections: Mapping[str, ZoneSection],
    folder: Path,
    usable: Node,
    written: Node,
    faults: FaultReport,
    *,
    limits: ZoneFileLimits,
) -> tuple[Zone, ...]:
    """Return the zones of the sections; report all errors in `faults`.

    `folder` completes the paths of zone files, and `limits` are those of each zone's.
    `usable` is the document that the sections were made of; `written` also has the values that were
    refused.
    If anything was reported, zones may be missing or incomplete.
    """
    sources: list[_Source] = []
    by_origin: dict[DomainName, _Source] = {}
    for text, section in sections.items():
        node, original = usable.get("zones", text), written.get("zones", text)
        try:
            origin = host_name(text, of_zone=True)
        except Malformed as error:
            faults.add(node.key, f"{quoted(text)} cannot be a zone: {error}")
            continue
        if len(origin.wire) > MAX_ORIGIN:
            faults.add(
                node.key,
                f"is {len(origin.wire)} bytes long; at most {MAX_ORIGIN} leave room for the names "
                "of groups and applications in it",
            )
            continue
        _warn_of_asterisk(origin, node, faults)
        source = _Source(origin, section, node, original, faults)
        sources.append(source)
        if (same := by_origin.setdefault(origin, source)) is not source:
            line = same.usable.key.line
            faults.add(node.key, f"the zone {origin} is given twice; the first time on line {line}")
    for source in sources:
        _refuse_nesting(source, by_origin)
    resolvers = usable.at("resolvers")
    can_resolve = resolvers is not None and resolvers.value != []
    secondaries, keys = known_secondaries(written), known_keys(written)
    read = [_zone(source, folder, limits, secondaries, keys) for source in sources]
    zones = tuple(zone for zone in read if zone is not None)
    aliases = {
        source.origin: alias.place
        for source in sources
        if (alias := source.usable.at("alias")) is not None
    }
    _warn_of_unaddressed(sources, zones)
    check_aliases(zones, aliases, faults, can_resolve=can_resolve)
    return zones


def _refuse_nesting(source: _Source, sources: Mapping[DomainName, _Source]) -> None:
    ancestor = source.origin.parent()
    while not ancestor.is_root:
        if ancestor in sources:
            source.faults.add(
                source.usable.key,
                f"{source.origin} is inside the zone {ancestor} of this file; "
                "zones inside each other are not supported",
            )
            return
        ancestor = ancestor.parent()


def _zone(
    source: _Source,
    folder: Path,
    limits: ZoneFileLimits,
    all_secondaries: tuple[str, ...],
    keys: frozenset[DomainName],
) -> Zone | None:
    section, origin, faults = source.section, source.origin, source.faults
    nameservers = _nameservers(source)
    entries = [
        (node.place, text)
        for index, text in enumerate(section.records)
        if (node := source.usable.at("records", index)) is not None
    ]
    refuse_repeated(section.records_files, source.usable.at("records_files"), "file", faults)
    files = [
        (node.place, absolute(text, folder))
        for index, text in enumerate(section.records_files)
        if text not in section.records_files[:index]
        and (node := source.usable.at("records_files", index)) is not None
    ]
    secondaries = zone_secondaries(
        source.usable.at("secondaries"), section.secondaries, all_secondaries, faults
    )
    updates = tuple(
        read_updates(
            section.updates,
            origin,
            source.usable.at("updates"),
            source.written.at("updates"),
            keys,
            faults,
        )
    )
    empty = None
    if nameservers:
        empty = Zone(
            origin,
            nameservers,
            section.contact or origin.child("hostmaster"),
            section.ttl,
            _negative_ttl(source),
            soa=soa_timers(
                section.soa, source.usable.at("soa"), faults, is_transferred=bool(secondaries)
            ),
            reveal=section.reveal.into(Reveal),
            secondaries=secondaries,
            updates=updates,
        )
    bounds = replace(LIMITS, size=limits.max_size, records=limits.max_records)
    read = read_zone_files(files, origin, section.ttl, bounds, faults)
    written = source.written.at("nameservers")
    all_read = written is not None and len(nameservers) == len(written.entries())
    compared = empty if all_read else None
    records = static_records(entries, origin, section.ttl, nameservers, faults, read, compared)
    alias = source.usable.at("alias")
    target = read_alias(alias, origin, records, faults)
    return replace(empty, records=records, alias=target) if empty is not None else None


def _negative_ttl(source: _Source) -> int:
    """Return the negative TTL: as it is written, or the default, but then at most the TTL."""
    section = source.section
    if source.usable.at("negative_ttl") is not None or source.is_refused("ttl"):
        return section.negative_ttl
    return min(section.negative_ttl, section.ttl)


def _nameservers(source: _Source) -> tuple[NameServer, ...]:
    """Read the NS set, in the order of the file: the first is the primary of the SOA record."""
    servers: dict[DomainName, NameServer] = {}
    for text, addresses in source.section.nameservers.items():
        node = source.usable.get("nameservers", text)
        written = source.written.get("nameservers", text)
        try:
            name = _server_name(text, source.origin)
        except Malformed as error:
            source.faults.add(node.key, f"{quoted(text)} cannot be a name server: {error}")
            continue
        if name in servers:
            source.faults.add(node.key, f"the name server {name} is given twice")
        elif problem := _nameserver_problem(name, source.origin, bool(written.value)):
            source.faults.add(node.key, problem)
        _warn_of_asterisk(name, node, source.faults)
        for index, address in enumerate(addresses):
            if address in addresses[:index] and (item := node.at(index)) is not None:
                source.faults.add(item.place, f"the address {address} is given twice")
        servers.setdefault(name, NameServer(name, tuple(addresses)))
    return tuple(servers.values())


def _server_name(text: str, origin: DomainName) -> DomainName:
    return host_name(text, None if "." in text else origin, of_zone=True)


def _warn_of_asterisk(name: DomainName, node: Node, faults: FaultReport) -> None:
    if b"*" in name.labels():
        text = f'{name} has the label "*", which stands for no other name here'
        faults.warn(node.key, text)


def _warn_of_unaddressed(sources: Iterable[_Source], zones: Iterable[Zone]) -> None:
    """Warn of name servers in another zone of the file that have no address there."""
    by_origin = {zone.origin: zone for zone in zones}
    for source in sources:
        served = by_origin.get(source.origin)
        for text in source.section.nameservers if served is not None else ():
            try:
                name = _server_name(text, source.origin)
            except Malformed:
                continue
            above = name
            while above not in by_origin and not above.is_root:
                above = above.parent()
            zone = by_origin.get(above)
            if zone is None or zone is served:
                continue
            if not any(rrset.rtype in (A, AAAA) for rrset in zone.configured_at(name)):
                source.faults.warn(
                    source.usable.get("nameservers", text).key,
                    f"{name} is in the zone {zone.origin} of this file and has no address in the "
                    "configuration",
                )


def _nameserver_problem(name: DomainName, origin: DomainName, has_addresses: bool) -> str | None:
    """Return why a server of this name cannot be in the NS set of `origin`, or None if it can."""
    if not name.is_at_or_below(origin):
        if has_addresses:
            return (
                f"{name} is outside the zone {origin}, so its addresses are not served here; "
                "leave them out (a name with a dot is taken as absolute)"
            )
        return None
    if is_status_name(name):
        return f"names that begin with {STATUS_LABEL} are reserved"
    if not has_addresses:
        return f'{name} is inside the zone, so it needs an address, such as "192.0.2.53"'
    return None
