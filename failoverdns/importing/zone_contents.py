"""The static records of an imported zone: those that this server can serve beside the groups.

A record is left out, and listed, if the configuration would be refused because of it: the same
functions judge here and in `check-config`.  An RRset has one TTL, the lowest that was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from failoverdns.config.errors import ConfigErrors, FaultReport, Place
from failoverdns.config.scalars import host_name, mailbox
from failoverdns.config.zones.apex_records import negative_ttl, soa_data
from failoverdns.config.zones.record_text import Record, parse_record
from failoverdns.config.zones.zone_records import static_records
from failoverdns.importing.plan import APEX_LABEL, PlannedGroup, PlannedZone, Remark
from failoverdns.model.errors import Malformed
from failoverdns.model.group import MAX_TTL, group_names
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, SOA, A, OwnedRRset, StartOfAuthority
from failoverdns.model.zone import MAX_TIMER, NameServer, SOATimers

PLACEHOLDER: Final = ("ns1", ("192.0.2.53",))
"""The name server of a zone whose name servers are not known."""

_PASSES: Final = 10
"""How often records are judged: one that is left out may make another one impossible."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record, with its place in the source for people."""

    place: str
    record: Record


@dataclass(slots=True)
class ZoneDraft:
    """A zone whose contents are still being collected.

    `servers` are the names of its NS set, in the order of the source; their addresses are among the
    records.
    """

    origin: DomainName
    servers: list[DomainName] = field(default_factory=list)
    records: list[Found] = field(default_factory=list)
    contact: DomainName | None = None
    negative_ttl: int | None = None
    soa: SOATimers | None = None
    alias: DomainName | None = None
    alias_place: str = ""
    comments: list[str] = field(default_factory=list)

    def add(self, place: str, record: Record) -> None:
        """Add a record."""
        self.records.append(Found(place, record))

    def add_own(self, place: str, record: Record) -> None:
        """Add a record of a zone file, where SOA and NS of the origin are the zone's own."""
        if record.owner == self.origin and record.rtype == SOA:
            self.take_soa(soa_data(record.data), negative_ttl(record))
        elif record.owner == self.origin and record.rtype == NS:
            self.servers.append(DomainName(record.data))
        else:
            self.add(place, record)

    def take_soa(self, soa: StartOfAuthority, negative_ttl: int) -> None:
        """Take the mailbox, the timers and the negative TTL of a SOA record."""
        timers = (soa.refresh, soa.retry, soa.expire)
        self.contact = soa.mailbox
        self.soa = SOATimers(*(max(1, min(timer, MAX_TIMER)) for timer in timers))
        self.negative_ttl = negative_ttl

    def add_data(self, place: str, owner: DomainName, rtype: int, ttl: int, data: bytes) -> None:
        """Add a record with data in wire form; raises Malformed if the zone cannot have it."""
        text = f"{owner.absolute_text()} {ttl} IN TYPE{rtype} \\# {len(data)} {data.hex()}"
        self.add(place, parse_record(text, self.origin, ttl))

    def labels(self) -> set[str]:
        """Return the labels directly below the origin that records use."""
        depth = len(list(self.origin.labels())) + 1
        names = (list(found.record.owner.labels()) for found in self.records)
        return {labels[-depth].decode("latin-1") for labels in names if len(labels) >= depth}


class Contents:
    """The contents of a zone on their way to what is served; remarks go into the given lists.

    `detours` are the CNAME records that lead to groups, and exclude other records like these.
    """

    def __init__(
        self,
        draft: ZoneDraft,
        detours: Sequence[Found],
        not_taken: list[Remark],
        notes: list[Remark],
    ) -> None:
        self._draft = draft
        self._not_taken = not_taken
        self._notes = notes
        self._detours = detours
        self._records = list(draft.records)
        self._comments = list(draft.comments)

    def settled(self, groups: Iterable[PlannedGroup]) -> PlannedZone:
        """Return the zone beside its groups."""
        draft = self._draft
        self._leave_room(groups)
        servers = self._servers()
        self._unify()
        rrsets = self._accepted(servers)
        alias = draft.alias
        if alias is not None and any(server.name == draft.origin for server in servers):
            reason = f"it is the name of a name server, so that it cannot follow {alias}"
            advice = f"Call the server ns1.{draft.origin}, for example"
            remark = Remark(draft.alias_place, str(draft.origin), reason, advice)
            self._not_taken.append(remark)
            alias = None
        return PlannedZone(
            origin=draft.origin,
            nameservers={
                _server_text(server.name): tuple(map(str, server.addresses)) for server in servers
            },
            contact=self._contact(),
            negative_ttl=None if draft.negative_ttl is None else min(draft.negative_ttl, MAX_TTL),
            soa=draft.soa,
            alias=alias,
            records=rrsets,
            comments=tuple(self._comments),
        )

    def _leave_room(self, groups: Iterable[PlannedGroup]) -> None:
        """Leave out the records that cannot be beside groups."""
        draft = self._draft
        sides: dict[DomainName, PlannedGroup] = {}
        hostnames: dict[DomainName, PlannedGroup] = {}
        for planned in groups:
            hostname, *below = group_names(planned.hostname)
            hostnames[hostname] = planned
            sides.update((name, planned) for name in below)
        owners = {found.record.owner for found in self._detours}
        kept = []
        for found in self._records:
            owner, rtype = found.record.owner, found.record.rtype
            group = hostnames.get(owner) or sides.get(owner)
            if group is not None and owner in sides:
                reason = f"this name answers for a side of the group {group.name}"
                self._refuse(
                    found, reason, "Rename it in the source, or give the group another label"
                )
            elif group is not None and (group.label != APEX_LABEL or rtype in (A, AAAA, CNAME)):
                self._refuse(
                    found,
                    f"this name becomes the group {group.name}, beside which no record can be",
                    "Move these records to another name, or leave the group out",
                )
            elif owner == draft.origin and rtype in (A, AAAA) and draft.alias is not None:
                if owner in draft.servers:
                    kept.append(found)
                else:
                    self._refuse(found, f"{owner} follows {draft.alias} with all its addresses")
            elif owner in owners:
                self._refuse(
                    found,
                    "this name leads to a group by a CNAME, which excludes other records",
                    "Move these records to another name",
                )
            else:
                kept.append(found)
        self._records = kept + list(self._detours)

    def _servers(self) -> list[NameServer]:
        """Return the name servers with addresses, which leave the static records."""
        draft = self._draft
        inside = {name for name in draft.servers if name.is_at_or_below(draft.origin)}
        addresses: dict[DomainName, list[IPv4Address | IPv6Address]] = {}
        kept = []
        for found in self._records:
            record = found.record
            if record.owner in inside and record.rtype in (A, AAAA):
                kind = IPv4Address if record.rtype == A else IPv6Address
                known = addresses.setdefault(record.owner, [])
                if (address := kind(record.data)) not in known:
                    known.append(address)
            else:
                kept.append(found)
        servers = []
        for name in dict.fromkeys(draft.servers):
            reason = _server_problem(name, draft.origin, bool(addresses.get(name)))
            if reason is None:
                servers.append(NameServer(name, tuple(addresses.get(name, ()))))
            else:
                advice = "Name the servers that will serve the zone in `nameservers`"
                remark = Remark("NS", f"name server {name} of {draft.origin}", reason, advice)
                self._not_taken.append(remark)
        if not servers:
            label, texts = PLACEHOLDER
            servers.append(NameServer(draft.origin.child(label), tuple(map(IPv4Address, texts))))
            self._comments.append("An example: write the name and address of your own server here.")
        named = {server.name for server in servers}
        self._records = [f for f in kept if f.record.owner not in named or f.record.rtype != CNAME]
        return servers

    def _unify(self) -> None:
        """Leave repeated records out, and give each RRset its lowest TTL."""
        lowest: dict[tuple[DomainName, int], int] = {}
        uneven: dict[tuple[DomainName, int], Found] = {}
        seen: set[tuple[DomainName, int, bytes]] = set()
        kept = []
        for found in self._records:
            record = found.record
            key = (record.owner, record.rtype)
            if lowest.setdefault(key, record.ttl) != record.ttl:
                uneven.setdefault(key, found)
                lowest[key] = min(record.ttl, lowest[key])
            if (*key, record.canonical) not in seen:
                seen.add((*key, record.canonical))
                kept.append(found)
        for key, found in uneven.items():
            subject = f"{found.record.owner} {found.record.type_text}"
            text = f"its records have different TTLs; here all have the lowest, {lowest[key]}"
            self._notes.append(Remark(found.place, subject, text))
        self._records = [
            Found(f.place, _with_ttl(f.record, lowest[f.record.owner, f.record.rtype]))
            for f in kept
        ]

    def _accepted(self, servers: list[NameServer]) -> tuple[OwnedRRset, ...]:
        """Return the RRsets without the records that `check-config` would refuse."""
        for _ in range(_PASSES):
            faults = FaultReport("")
            placed = [(_position(f.place, n), f.record) for n, f in enumerate(self._records, 1)]
            rrsets = static_records([], self._draft.origin, 0, servers, faults, placed)
            try:
                faults.raise_if_any()
            except ConfigErrors as errors:
                refused = {error.column: error.message for error in errors.errors}
                for number, message in refused.items():
                    self._refuse(self._records[number - 1], message)
                self._records = [
                    found for n, found in enumerate(self._records, 1) if n not in refused
                ]
            else:
                return tuple(rrsets)
        return ()

    def _contact(self) -> str | None:
        mail = self._draft.contact
        if mail is None:
            return None
        local, *rest = mail.labels()
        text = f"{local.decode('latin-1')}@{DomainName.from_labels(rest)}"
        try:
            mailbox(text)
        except Malformed as fault:
            self._notes.append(Remark("SOA", str(self._draft.origin), f"contact: {fault}"))
            return None
        return text

    def _refuse(self, found: Found, reason: str, advice: str = "") -> None:
        record = found.record
        subject = f"{record.owner} {record.type_text}"
        self._not_taken.append(Remark(found.place, subject, reason, advice))


def _position(place: str, number: int) -> Place:
    """Return a place with the file and the line of `place`, and with `number` as its column."""
    file, _, line = place.rpartition(":")
    return Place(int(line), number, file=file) if line.isdigit() else Place(number, number)


def record_of(owner: DomainName, rtype: int, ttl: int, data: bytes) -> Record:
    """Return a record, `ttl` in seconds, with data in wire form and in lower case."""
    return Record(owner, rtype, ttl, data, data)


def _with_ttl(record: Record, ttl: int) -> Record:
    return Record(record.owner, record.rtype, ttl, record.data, record.canonical)


def _server_text(name: DomainName) -> str:
    """Return the name of a server for `nameservers`, where a name without a dot is relative."""
    text = name.to_text()
    return text if "." in text else name.absolute_text()


def _server_problem(name: DomainName, origin: DomainName, has_addresses: bool) -> str | None:
    try:
        host_name(name.to_text(), of_zone=True)
    except Malformed as fault:
        return f"it is not a host name: {fault}"
    if name.is_at_or_below(origin) and not has_addresses:
        return "it is inside the zone and has no address there"
    return None
