"""Delegations in a zone: which records are allowed at and below them, and whether they work.

A delegated name has NS and DS records and glue, and below it there is only glue (RFC 1034 section
4.2.1, RFC 9471).  A delegation does not work if the addresses of its servers can only be found by
asking these servers themselves, or each other: resolvers would ask in circles.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, NS, A

_DS = 43
_WILDCARD = b"*"
_AT_DELEGATION = frozenset((NS, _DS, A, AAAA))
_BELOW_DELEGATION = frozenset((A, AAAA))
_GLUE = "a delegated name has only NS, DS and addresses (glue); names below it have only addresses"


def misplaced(owner: DomainName, rtype: int, cuts: Collection[DomainName]) -> str | None:
    """Return why a record is not allowed at its owner, given the delegations at `cuts`, or None."""
    if rtype == NS and next(owner.labels()) == _WILDCARD:
        return "a wildcard cannot be delegated (RFC 4592 section 4.2)"
    if owner in cuts and rtype not in _AT_DELEGATION:
        return f"{owner} is delegated by an NS record; {_GLUE}"
    if rtype not in _BELOW_DELEGATION:
        for ancestor in _ancestors(owner):
            if ancestor in cuts:
                return f"{owner} is below {ancestor}, which is delegated; {_GLUE}"
    return None


def unreachable(
    servers: Mapping[DomainName, Collection[DomainName]], addressed: Collection[DomainName]
) -> Iterator[DomainName]:
    """Yield the delegations that no resolver can follow.

    `servers` are the names of the name servers of each delegation, `addressed` the names with an
    address in the zone.  A server can be found if it has an address there, or is below no
    delegation, or below one that can be followed; a delegation can be followed if one of its
    servers can be found.
    """
    waiting = dict(servers)
    while waiting:
        followed = [
            cut
            for cut, names in waiting.items()
            if any(n in addressed or _cut_of(n, servers) not in waiting for n in names)
        ]
        if not followed:
            break
        for cut in followed:
            del waiting[cut]
    yield from waiting


def _cut_of(name: DomainName, cuts: Collection[DomainName]) -> DomainName | None:
    """Return the highest delegation at or above a name."""
    found = name if name in cuts else None
    for ancestor in _ancestors(name):
        if ancestor in cuts:
            found = ancestor
    return found


def _ancestors(name: DomainName) -> Iterator[DomainName]:
    while not name.is_root:
        name = name.parent()
        yield name
