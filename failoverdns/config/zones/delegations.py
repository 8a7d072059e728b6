"""Delegations in a zone: what they hide, and whether resolvers can follow them.

A delegated name has NS and DS records and glue, and below it there is only glue (RFC 1034 section
4.2.1, RFC 9471).  Other records there are *occluded* (RFC 5936 section 3.5): the servers of the
delegation answer for these names.  They are kept, as other servers keep them, and never answered.

A delegation does not work if the addresses of its servers can only be found by asking these servers
themselves, or each other: resolvers would ask in circles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from failoverdns.config.errors import Place
from failoverdns.config.zones.record_text import Record
from failoverdns.config.zones.record_types import type_text
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, CNAME, NS, A

_DS = 43
_WILDCARD = b"*"

Placed = tuple[Place, Record]
RRsets = Mapping[tuple[DomainName, int], Sequence[Placed]]
"""The records of a zone by owner and type, without those of its own name servers."""


def is_delegated_wildcard(owner: DomainName, rtype: int) -> bool:
    """Return whether a record delegates a wildcard, which has no defined meaning."""
    return rtype == NS and next(owner.labels()) == _WILDCARD


def delegation_warnings(
    rrsets: RRsets, origin: DomainName, addressed: Collection[DomainName]
) -> Iterator[tuple[Place, str]]:
    """Yield what is unusual about the delegations of a zone, each with its place.

    `addressed` are the zone's own name servers with addresses.
    """
    servers = {
        owner: [DomainName(record.data) for _, record in members]
        for (owner, rtype), members in rrsets.items()
        if rtype == NS
    }
    if not servers:
        return
    found = {owner for owner, rtype in rrsets if rtype in (A, AAAA)} | set(addressed)
    yield from _occluded(rrsets, servers, addressed)
    lost, owners = set(unreachable(servers, found)), {owner for owner, _ in rrsets}
    for cut, names in servers.items():
        if _cut_of(cut, servers) != cut:
            continue  # occluded itself
        if cut in lost:
            yield (
                rrsets[cut, NS][0][0],
                f"nobody can find the servers of {cut}: {', '.join(map(str, names))}; "
                "give one of them its address in this zone (glue)",
            )
            continue
        for (place, _), name in zip(rrsets[cut, NS], names, strict=True):
            if name.is_at_or_below(origin) and name not in found:
                problem = _server_problem(name, cut, rrsets, servers, owners)
                if problem is not None:
                    yield place, f"{cut} is delegated to {name}, {problem}"


def _occluded(
    rrsets: RRsets,
    servers: Mapping[DomainName, Collection[DomainName]],
    addressed: Collection[DomainName],
) -> Iterator[tuple[Place, str]]:
    """Yield each delegation with the first of the records that it hides."""
    glue = {name for names in servers.values() for name in names} | set(addressed)
    first: dict[DomainName, tuple[Place, DomainName, int]] = {}
    count: dict[DomainName, int] = {}
    cuts = {cut.wire for cut in servers}
    for (owner, rtype), members in rrsets.items():
        if not _is_within(owner.wire, cuts) or (rtype in (A, AAAA) and owner in glue):
            continue
        cut = _cut_of(owner, servers)
        if cut is None or (owner == cut and rtype in (NS, _DS)):
            continue
        first.setdefault(cut, (members[0][0], owner, rtype))
        count[cut] = count.get(cut, 0) + len(members)
    for cut, (place, owner, rtype) in first.items():
        others = f", and so it is with {count[cut] - 1} more" if count[cut] > 1 else ""
        where = f"at {cut}" if owner == cut else f"of {owner}"
        yield (
            place,
            f"{cut} is delegated by an NS record, so its servers answer there: this "
            f"{type_text(rtype)} record {where} is kept, but never answered{others}",
        )


def _server_problem(
    name: DomainName,
    cut: DomainName,
    rrsets: RRsets,
    servers: Mapping[DomainName, Collection[DomainName]],
    owners: Collection[DomainName],
) -> str | None:
    """Return why resolvers cannot ask a server in the zone that has no address, or None.

    `owners` are the owners of `rrsets`.
    """
    above = _cut_of(name, servers)
    if above is not None:
        # The servers of another delegation may know the address.
        return "which needs its address in this zone (glue)" if above == cut else None
    if (name, CNAME) in rrsets:
        return "which is a CNAME: a server's name must have addresses (RFC 2181 section 10.3)"
    parent = name
    while not parent.is_root and name not in owners:
        parent = parent.parent()
        if any((parent.child("*"), rtype) in rrsets for rtype in (A, AAAA)):
            return None
        if parent in owners:
            break
    return "which has no address in the configuration"


def unreachable(
    servers: Mapping[DomainName, Collection[DomainName]], addressed: Collection[DomainName]
) -> Iterator[DomainName]:
    """Yield the delegations that no resolver can follow.

    `servers` are the names of the name servers of each delegation, `addressed` the names with an
    address in the zone.  A server can be found if it has an address there, or is below no
    delegation, or below one that can be followed; a delegation can be followed if one of its
    servers can be found.
    """
    followed: dict[DomainName, None] = {}
    waiting: dict[DomainName, list[DomainName]] = {}
    for cut, names in servers.items():
        above = [None if name in addressed else _cut_of(name, servers) for name in names]
        if None in above:
            followed[cut] = None
        for other in above:
            if other is not None:
                waiting.setdefault(other, []).append(cut)
    rest = list(followed)
    while rest:
        for cut in waiting.pop(rest.pop(), ()):
            if cut not in followed:
                followed[cut] = None
                rest.append(cut)
    yield from (cut for cut in servers if cut not in followed)


def _is_within(name: bytes, cuts: Collection[bytes]) -> bool:
    """Return whether a name is at or below one of `cuts`, all in wire form: quickly, if not."""
    at = 0
    while name[at]:
        if name[at:] in cuts:
            return True
        at += 1 + name[at]
    return False


def _cut_of(name: DomainName, cuts: Collection[DomainName]) -> DomainName | None:
    """Return the highest delegation at or above a name."""
    found = name if name in cuts else None
    while not name.is_root:
        name = name.parent()
        if name in cuts:
            found = name
    return found
