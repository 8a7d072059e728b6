"""Records of Route 53 that do not fail over: static records, CNAME records, or a zone's alias.

An alias without failover becomes a CNAME, which needs no resolver, except at the zone's own name,
where a CNAME is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from failoverdns.config.zones.record_text import parse_record
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.route53_documents import RecordSet
from failoverdns.importing.route53_targets import (
    ADDRESS_TYPES,
    Key,
    NotTaken,
    Target,
    Targets,
    subject_of,
)
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.names import ROOT, DomainName
from failoverdns.model.records import CNAME

_INSTEAD: Final = {
    "weighted": "If they are equal servers, make them web servers of one application",
    "latency": "This server gives all clients one answer: make one of them the primary, and "
    "another one the backup of a group",
    "geolocation": "This server gives all clients one answer: choose the default one",
    "geoproximity": "This server gives all clients one answer: choose one of them",
    "IP-based": "This server gives all clients one answer: choose the default one",
    "multivalue": "Make them web servers of one application, in a group with a policy that has "
    "`answer: healthy`",
    "traffic policy": "Export what the traffic policy makes, and write it as groups",
}
"""What comes closest to each routing policy that is not taken."""

_ONE_TARGET: Final = "Use a load balancer that has both families"


class PlainRecords:
    """Takes the record sets of a zone that are not part of a group."""

    def __init__(
        self,
        builder: PlanBuilder,
        zone: ZoneDraft,
        sets: Mapping[Key, Sequence[RecordSet]],
        targets: Targets,
    ) -> None:
        self._builder = builder
        self._zone = zone
        self._sets = sets
        self._targets = targets
        self._followed: dict[DomainName, DomainName] = {}
        """The name that each name without failover follows."""
        self._cnames: set[DomainName] = set()

    def take(self, key: Key, entries: Sequence[RecordSet]) -> None:
        """Take the simple records of a name and type."""
        owner, rtype = key
        routed = [entry for entry in entries if entry.routing != "simple"]
        for entry in routed[:1]:
            reason = f"its routing policy is {entry.routing}"
            if entry.routing == "failover":
                reason = "groups answer A, AAAA and CNAME only, so other types cannot fail over"
            if len(routed) > 1:
                reason += f" ({len(routed)} record sets)"
            self._builder.refuse(
                entry.place,
                f"{owner} {rtype}",
                reason,
                _INSTEAD.get(entry.routing, "Serve one of them"),
            )
        for entry in entries:
            if entry.routing == "simple" and rtype == "SOA":
                self._soa(entry)
            elif entry.routing == "simple" and rtype == "NS" and owner == self._zone.origin:
                self._servers(entry)
            elif entry.routing == "simple" and entry.alias is not None:
                self._plain_alias(entry)
            elif entry.routing == "simple":
                self._records(entry, entry.values, entry.rtype, entry.ttl)

    def _servers(self, entry: RecordSet) -> None:
        for value in entry.values:
            try:
                self._zone.servers.append(self._targets.hostname(value))
            except NotTaken as fault:
                self._builder.refuse(entry.place, subject_of(entry), str(fault))

    def _soa(self, entry: RecordSet) -> None:
        """Take the negative TTL; the rest is that of Route 53."""
        fields = entry.values[0].split()
        if len(fields) == 7 and fields[6].isascii() and fields[6].isdigit():
            self._zone.negative_ttl = min(int(fields[6]), entry.ttl)

    def _records(self, entry: RecordSet, values: Iterable[str], rtype: str, ttl: int) -> None:
        for value in values:
            text = f"{entry.owner.absolute_text()} {ttl} IN {rtype} {value}"
            try:
                self._zone.add(entry.place, parse_record(text, ROOT, ttl, self._zone.origin))
            except Malformed as fault:
                self._builder.refuse(entry.place, subject_of(entry), str(fault))

    def _plain_alias(self, entry: RecordSet) -> None:
        """Take an alias that does not fail over."""
        assert entry.alias is not None
        if self._builder.has_group(entry.alias):
            self._lead_to(entry, entry.alias, f"follows the group of {entry.alias}")
            return
        found = Target(entry.place, entry.ttl)
        if entry.rtype not in (*ADDRESS_TYPES, "CNAME"):
            self._copied(entry)
            return
        try:
            self._targets.follow(entry, found)
        except NotTaken as fault:
            advice = "Write its records, or a CNAME, by hand"
            self._builder.refuse(entry.place, subject_of(entry), str(fault), advice)
            return
        if found.hostname is not None:
            self._lead_to(entry, found.hostname, f"leads to {found.hostname}")
        else:
            self._records(entry, found.addresses, entry.rtype, found.ttl)

    def _copied(self, entry: RecordSet) -> None:
        """Take an alias of another type to a name of this zone: its records are copied."""
        assert entry.alias is not None
        for target in self._sets.get((entry.alias, entry.rtype), ()):
            if target.routing == "simple" and target.alias is None:
                self._records(entry, target.values, entry.rtype, target.ttl)
                text = f"the records of {entry.alias} are copied; it does not follow that name"
                self._builder.note(entry.place, subject_of(entry), text)
                return
        reason = f"its alias leads to {entry.alias}, which has no simple {entry.rtype} record here"
        self._builder.refuse(entry.place, subject_of(entry), reason, "Write its records by hand")

    def _lead_to(self, entry: RecordSet, target: DomainName, how: str) -> None:
        """Let a name follow another one: by `alias` at the origin, by a CNAME elsewhere."""
        zone, builder = self._zone, self._builder
        before = self._followed.setdefault(entry.owner, target)
        if before != target:
            reason = f"its other type leads to {before}, and a name follows one other name"
            builder.refuse(entry.place, subject_of(entry), reason, _ONE_TARGET)
        elif entry.owner == zone.origin:
            zone.alias, zone.alias_place = target, entry.place
            builder.needs_resolvers |= not target.is_at_or_below(zone.origin)
        elif entry.owner not in self._cnames:
            self._cnames.add(entry.owner)
            try:
                zone.add_data(entry.place, entry.owner, CNAME, entry.ttl, target.wire)
            except Malformed as fault:
                builder.refuse(entry.place, subject_of(entry), str(fault))
                return
            builder.note(entry.place, subject_of(entry), f"it {how} by a CNAME")
