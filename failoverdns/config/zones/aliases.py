"""The alias of a zone: the hostname whose addresses its origin answers with.

A CNAME record is not allowed there (RFC 1034 section 3.6.2), so the addresses are looked up by
`resolvers` and served in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.model.errors import Malformed
from failoverdns.model.hostnames import target_hostname
from failoverdns.model.names import DomainName
from failoverdns.model.records import AAAA, A, OwnedRRset


def read_alias(
    node: Node | None,
    origin: DomainName,
    records: Iterable[OwnedRRset],
    served: Collection[DomainName],
    faults: FaultReport,
    *,
    can_resolve: bool,
) -> DomainName | None:
    """Return the alias of the zone `origin`, None without one; report its errors in `faults`.

    `records` are the zone's static records; `served` the origins of all zones.
    """
    if node is None or not isinstance(node.value, str):
        return None
    try:
        alias = target_hostname(node.value)
    except Malformed as error:
        faults.add(node.place, f"{quoted(node.value)} cannot be an alias: {error}")
        return None
    if any(rrset.owner == origin and rrset.records.rtype in (A, AAAA) for rrset in records):
        faults.add(node.place, f"{origin} has address records; remove these or the alias")
    if any(alias.is_at_or_below(other) for other in served):
        faults.add(node.place, f"{alias} is in a zone of this server; it resolves only other names")
    elif not can_resolve:
        faults.add(node.place, "needs resolvers to find the addresses; name some in `resolvers`")
    return alias
