"""The static records of a zone: which of them may exist together.

A CNAME excludes other records of its owner (RFC 1034 section 3.6.2), and an RRset has one TTL
(RFC 2181 section 5.2).  CNAME records that form a loop are warned of, and so is what is unusual
about delegations (`delegations`): other servers load these, too.
The names of groups are not checked against these records here: groups are added and deleted while
the server runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from failoverdns.config.errors import FaultReport, Place, quoted
from failoverdns.config.zones.apex_records import without_apex
from failoverdns.config.zones.delegations import delegation_warnings, is_delegated_wildcard
from failoverdns.config.zones.record_text import NO_TTL, Record, parse_record
from failoverdns.config.zones.record_types import type_text
from failoverdns.config.zones.zone_file import Placed
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName, is_address
from failoverdns.model.records import CNAME, NS, SOA, A, Opaque, OwnedRRset
from failoverdns.model.zone import CHALLENGE_LABEL, NameServer, Zone

MAX_RRSET = 65000
"""Bytes of an RRset with uncompressed owner names, at most: more do not fit into a DNS message."""

_MX: Final = 15
_CHALLENGE: Final = CHALLENGE_LABEL.encode()
_BEFORE_TARGET: Final = {CNAME: 0, NS: 0, _MX: 2, 33: 6}
"""Bytes of the data before the name of a host: of CNAME, NS, MX and SRV records."""


def static_records(
    entries: Sequence[tuple[Place, str]],
    origin: DomainName,
    default_ttl: int,
    nameservers: Sequence[NameServer],
    faults: FaultReport,
    from_files: Sequence[Placed] = (),
    served: Zone | None = None,
) -> tuple[OwnedRRset, ...]:
    """Return the RRsets of `entries`, each the zone-file text of one record, in the same order.

    `from_files` are records that were read from zone files; they come after the entries.
    `default_ttl` (seconds) is for records without a TTL; `nameservers` are the zone's own, and the
    rules apply to their addresses too.
    `served` is the zone without static records, with which SOA, NS and glue are compared.
    Every record that breaks a rule is reported in `faults` and left out.
    """
    records: list[Placed] = []
    for place, text in entries:
        try:
            record = parse_record(text, origin, default_ttl)
            if record.rtype == SOA:
                record = parse_record(text, origin, NO_TTL)
            records.append((place, record))
        except Malformed as error:
            faults.add(place, str(error))
    records = without_apex([*records, *from_files], origin, nameservers, served, faults)
    contents = _Contents(nameservers)
    for place, record in records:
        problem = contents.problem_with(record)
        if problem is None:
            contents.add(place, record)
        else:
            faults.add(place, problem)
    for place, loop in _cname_loops(contents):
        faults.warn(
            place,
            f"this CNAME leads back to itself, so nobody finds anything there: "
            f"{' -> '.join(map(str, loop))}",
        )
    for place, target in _address_targets(contents, origin):
        faults.warn(
            place,
            f"{quoted(target)} is an address where the name of a host belongs, so nobody finds it: "
            "write a name that has an A or AAAA record with this address",
        )
    for place, lost in _lost_targets(contents, origin, nameservers):
        faults.warn(
            place,
            f"leads to {lost}, which does not exist here: is the dot at its end missing?",
        )
    for place, record in records:
        if record.is_cut:
            faults.warn(
                place,
                "a semicolon outside quotes begins a comment, so the text ends before it: "
                'put the text in quotes, as in "v=DKIM1; k=rsa"',
            )
    addressed = {server.name for server in nameservers if server.addresses}
    for place, text in delegation_warnings(contents.rrsets, origin, addressed):
        faults.warn(place, text)
    return tuple(
        OwnedRRset(
            owner, rtype, members[0][1].ttl, tuple(Opaque(record.data) for _, record in members)
        )
        for (owner, rtype), members in contents.rrsets.items()
    )


class _Contents:
    """The records of the zone that have been accepted so far."""

    def __init__(self, nameservers: Sequence[NameServer]) -> None:
        self.rrsets: dict[tuple[DomainName, int], list[Placed]] = {}
        self.types_at: dict[DomainName, set[int]] = {}
        self._sizes: dict[tuple[DomainName, int], int] = {}
        self._nameservers = {server.name for server in nameservers if server.addresses}

    def add(self, place: Place, record: Record) -> None:
        key = (record.owner, record.rtype)
        self.rrsets.setdefault(key, []).append((place, record))
        self.types_at.setdefault(record.owner, set()).add(record.rtype)
        self._sizes[key] = self._size_with(record)

    def problem_with(self, record: Record) -> str | None:
        """Return why `record` cannot be added, or None if it can."""
        owner, name = record.owner, record.type_text
        if is_delegated_wildcard(owner, record.rtype):
            return "a wildcard cannot be delegated (RFC 4592 section 4.2)"
        beside = set(self.types_at.get(owner, ()))
        if owner in self._nameservers:
            beside.add(A)
        if record.rtype == CNAME and beside - {CNAME}:
            other = type_text(min(beside - {CNAME}))
            return f"a CNAME must be alone, but {owner} also has a record of type {other}"
        if record.rtype != CNAME and CNAME in beside:
            line = self._line(owner, CNAME)
            return f"{owner} has a CNAME ({line}), so it can have no other record"
        members = self.rrsets.get((owner, record.rtype), [])
        for place, member in members:
            if member.canonical == record.canonical:
                return f"this {name} record is given twice; the first time on {place.line_text}"
        if self._size_with(record) > MAX_RRSET:
            return f"the {name} records of {owner} do not fit into one DNS message"
        if not members:
            return None
        line = members[0][0].line_text
        if record.rtype == CNAME:
            return f"{owner} has a CNAME already, on {line}; only one is allowed"
        if members[0][1].ttl != record.ttl:
            return (
                f"its TTL is {record.ttl}, but that of the other {name} records of {owner} is "
                f"{members[0][1].ttl} ({line}); they must be the same"
            )
        return None

    def _line(self, owner: DomainName, rtype: int) -> str:
        return self.rrsets[owner, rtype][0][0].line_text

    def _size_with(self, record: Record) -> int:
        size = len(record.owner.wire) + 10 + len(record.data)
        return size + self._sizes.get((record.owner, record.rtype), 0)


def _cname_loops(contents: _Contents) -> Iterator[tuple[Place, list[DomainName]]]:
    """Yield each CNAME loop once: the place of its first record, and its names.

    Wildcards are not expanded: the target of a CNAME may be the name of a group.
    """
    finished: set[DomainName] = set()
    for start in contents.types_at:
        chain: dict[DomainName, None] = {}
        name = start
        while name not in finished and name not in chain:
            members = contents.rrsets.get((name, CNAME))
            if members is None:
                break
            chain[name] = None
            name = DomainName(members[0][1].data)
        if name in chain:
            names = list(chain)
            loop = names[names.index(name) :]
            place = min((contents.rrsets[step, CNAME][0][0] for step in loop), key=_position)
            yield place, [*loop, name]
        finished.update(chain)


def _address_targets(contents: _Contents, origin: DomainName) -> Iterator[tuple[Place, str]]:
    """Yield each record that names a host by an address, and that address as it was written.

    Without a dot at its end, the origin was added to it.
    """
    for (_, rtype), members in contents.rrsets.items():
        before = _BEFORE_TARGET.get(rtype)
        if before is None:
            continue
        for place, record in members:
            target = DomainName(record.data[before:]).to_text().removesuffix(f".{origin}")
            if is_address(target):
                yield place, target


def _lost_targets(
    contents: _Contents, origin: DomainName, nameservers: Sequence[NameServer]
) -> Iterator[tuple[Place, DomainName]]:
    """Yield each record whose target seems to lack the dot at its end, and that target.

    Only such are meant that cannot exist: names of one or two labels below the origin may come with
    a group, those of challenges with an order, and a wildcard or a delegation may answer others.
    """
    found = [
        (place, DomainName(record.data[_BEFORE_TARGET[rtype] :]))
        for (_, rtype), members in contents.rrsets.items()
        if rtype in (CNAME, _MX)
        for place, record in members
        if record.lacks_dot
    ]
    if not found:
        return
    owners = {*contents.types_at, *(server.name for server in nameservers)}
    existing = {name for owner in owners for name in _up_to(owner, origin)}
    wildcards = {name.parent() for name in owners if next(name.labels(), b"") == b"*"}
    is_long = str(origin).count(".") > 0
    for place, target in found:
        names = _up_to(target, origin)
        is_twice = is_long and str(target).endswith(f"{origin}.{origin}")
        if target in existing or (len(names) < 3 and not is_twice):
            continue
        if _CHALLENGE in target.labels() or wildcards.intersection([*names, origin]):
            continue
        if not any(NS in contents.types_at.get(name, ()) for name in names):
            yield place, target


def _up_to(name: DomainName, origin: DomainName) -> list[DomainName]:
    """Return `name` and those above it, below `origin`; none for a name outside of it."""
    names = []
    while name != origin and name.is_at_or_below(origin):
        names.append(name)
        name = name.parent()
    return names


def _position(place: Place) -> tuple[str, int, int]:
    return place.file, place.line, place.column
