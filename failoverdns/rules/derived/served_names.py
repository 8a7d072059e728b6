"""What one name answers with, without wildcards: whatever the reason that it does.

The names of a zone are computed by kind in `rules.derived.serving`; here all kinds are asked for
one name.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from failoverdns.model.former_name import FormerName
from failoverdns.model.group import APEX_LABEL, SIDE_LABELS, Group, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.records import SOA, Opaque, RRset, StartOfAuthority
from failoverdns.model.zone import CHALLENGE_LABEL, STATUS_LABEL, Zone
from failoverdns.rules.derived.affected_names import Touched, nodes_of
from failoverdns.rules.derived.view import View

_SIDES = frozenset(label.encode() for label in SIDE_LABELS)
_CHALLENGE, _STATUS = CHALLENGE_LABEL.encode(), STATUS_LABEL.encode()


def served_at(view: View, zone: Zone, owner: DomainName) -> tuple[RRset, ...]:
    """Return the RRsets at a name in a zone; none if it does not exist, or is an empty one.

    The SOA record is among those of the origin, as opaque data.  The records of wildcards are at
    the wildcards only.
    """
    node = nodes_of(view, _kinds(view, zone, owner)).get(owner)
    rrsets = node.rrsets if node is not None and node.zone == zone.origin else ()
    serial = view.serial(zone.origin) if owner == zone.origin else None
    if serial is None:
        return rrsets
    (soa,) = zone.start_of_authority(serial.serial).data
    assert isinstance(soa, StartOfAuthority)
    times = pack(">5I", soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum)
    data = Opaque(soa.primary.wire + soa.mailbox.wire + times)
    return (*rrsets, RRset(SOA, zone.negative_ttl, (data,)))


def _kinds(view: View, zone: Zone, owner: DomainName) -> Touched:
    """Return the parts of the state that may have records at a name."""
    labels = list(_labels_below(zone, owner))
    names = {_text(labels[-1])} if labels else set()
    if not labels or (len(labels) == 1 and labels[0] in _SIDES):
        names.add(APEX_LABEL)
    owners = [view.label_owner(zone.origin, name) for name in names]
    applications, former = set[str](), set[str]()
    if len(labels) == 2 and labels[0] == _STATUS:
        application = view.application_named(_text(labels[1]))
        applications = {application.id} if application is not None else set()
        former = {_text(labels[1])} if view.entity(FormerName, _text(labels[1])) else set()
    return Touched(
        groups=frozenset(one.id for one in owners if isinstance(one, Group)),
        applications=frozenset(applications),
        names=frozenset({(zone.origin, owner)}),
        challenges=frozenset({owner} if _CHALLENGE in labels else ()),
        labels=frozenset(one.identity for one in owners if isinstance(one, Tombstone)),
        former=frozenset(former),
    )


def _labels_below(zone: Zone, owner: DomainName) -> Iterator[bytes]:
    """Yield the labels of a name that are before the origin of its zone."""
    name = owner
    while name != zone.origin:
        yield next(name.labels())
        name = name.parent()


def _text(label: bytes) -> str:
    return label.decode("latin-1")
