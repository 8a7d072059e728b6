"""Map a hosted zone of Route 53: failover record sets become groups, all others static records.

Record sets of the types A and AAAA at one name become one group, with both families.  An alias to a
name of the same zone is followed within the document; an alias to another name becomes a hostname
whose addresses are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from failoverdns.config.zones.record_text import parse_record
from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.naming import flat_label
from failoverdns.importing.plan import Plan, PlannedHead, Settings
from failoverdns.importing.route53_checks import CheckImport
from failoverdns.importing.route53_documents import HealthCheck, RecordSet, zone_of
from failoverdns.importing.route53_targets import (
    Key,
    NotTaken,
    Target,
    Targets,
    heads_of,
    subject_of,
)
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.names import ROOT, DomainName
from failoverdns.model.records import CNAME

POLICY: Final = "route53"

_POLICY: Final[Settings] = {
    "mode": "automatic",
    "fail_back": "automatic",
    "all_down": "primary",
}
"""What Route 53 does: it returns by itself, and answers with the primary if nothing is healthy."""

_ADDRESS_TYPES: Final = ("A", "AAAA")
_INSTEAD: Final = {
    "weighted": "If they are equal servers, make them web servers of one application; if one has "
    "the weight 0, make them the primary and the backup of a group",
    "latency": "This server gives all clients one answer: make one of them the primary, and "
    "another one the backup of a group",
    "geolocation": "This server gives all clients one answer: choose the default one",
    "geoproximity": "This server gives all clients one answer: choose one of them",
    "IP-based": "This server gives all clients one answer: choose the default one",
    "multivalue": "Make them web servers of one application, in a group with a policy that has "
    "`answer: healthy`",
    "traffic policy": "Export what the traffic policy makes, and write it as groups",
}


def import_route53(
    sets: Sequence[RecordSet],
    checks: Iterable[HealthCheck] | None,
    source: str,
    zone: DomainName | None = None,
    *,
    cut_off: bool = False,
) -> Plan:
    """Return the plan for a hosted zone.

    `checks` is None if no list of health checks was given; `zone` is only needed if the document
    has no SOA record; with `cut_off` the document is one page of several.
    Raises Malformed if the zone is not known, or cannot be a zone here.
    """
    builder = PlanBuilder("route53", source)
    origin = zone_of(sets, source, zone)
    return _Import(builder, builder.zone(origin), sets, CheckImport(builder, checks)).plan(cut_off)


class _Import:
    def __init__(
        self, builder: PlanBuilder, zone: ZoneDraft, sets: Sequence[RecordSet], checks: CheckImport
    ) -> None:
        self._builder = builder
        self._zone = zone
        self._sets: dict[Key, list[RecordSet]] = {}
        for entry in sets:
            self._sets.setdefault((entry.owner, entry.rtype), []).append(entry)
        self._targets = Targets(builder, zone.origin, self._sets, checks)
        self._absorbed: set[Key] = set()
        """Simple record sets that became part of a group."""

    def plan(self, cut_off: bool) -> Plan:
        builder = self._builder
        if cut_off:
            builder.refuse(
                builder.source,
                "the rest of the list",
                "it is one page of several (IsTruncated)",
                "Run the aws command again without --no-paginate and --max-items",
            )
        builder.policies[POLICY] = _POLICY
        for owner in dict.fromkeys(owner for owner, _ in self._sets):
            if any(self._failover(owner, rtype) for rtype in (*_ADDRESS_TYPES, "CNAME")):
                self._group(owner)
        for key, entries in self._sets.items():
            if key not in self._absorbed:
                self._plain(key, entries)
        self._zone.comments.insert(
            0, "These are the name servers of Route 53: write the names of your own servers here."
        )
        return builder.finish()

    # groups

    def _failover(self, owner: DomainName, rtype: str) -> dict[str, RecordSet]:
        """Return the failover record sets of a name and type, by PRIMARY and SECONDARY."""
        entries = self._sets.get((owner, rtype), ())
        return {entry.failover: entry for entry in entries if entry.routing == "failover"}

    def _group(self, owner: DomainName) -> None:
        builder, subject = self._builder, owner.to_text()
        sides: dict[str, list[Target]] = {"PRIMARY": [], "SECONDARY": []}
        given: set[str] = set()
        for rtype in (*_ADDRESS_TYPES, "CNAME"):
            pair = self._failover(owner, rtype)
            if pair:
                self._absorbed.add((owner, rtype))
            for side, entry in pair.items():
                given.add(side)
                try:
                    sides.setdefault(side, []).append(self._targets.of(entry))
                except NotTaken as fault:
                    advice = "Add the group by hand: failoverdns group add"
                    builder.refuse(entry.place, subject_of(entry), str(fault), advice)
        self._share_simple(owner, sides)
        name = flat_label(owner, self._zone.origin) if owner != self._zone.origin else "apex"
        primary = self._application(f"{name}-primary", owner, sides["PRIMARY"])
        backup = self._application(f"{name}-backup", owner, sides["SECONDARY"])
        targets = sides["PRIMARY"] + sides["SECONDARY"]
        if primary is None:
            primary, backup = backup, None
        if primary is None:
            return
        place = targets[0].place
        for missing in sides.keys() - given:
            builder.note(place, subject, f"it has no {missing} record, so the group has one side")
        ttls = dict.fromkeys(target.ttl for target in targets)
        if len(ttls) > 1:
            shown = ", ".join(map(str, ttls))
            text = f"its records have different TTLs ({shown}); the group has the first one"
            builder.note(place, subject, text)
        flatten = any(target.hostname is not None and target.is_alias for target in targets)
        at_apex = owner == self._zone.origin
        hostnames = any(target.hostname is not None for target in targets)
        builder.needs_resolvers |= hostnames and (flatten or at_apex)
        policy = POLICY if backup is not None and builder.checks_of(primary) else None
        if backup is not None and policy is None:
            builder.note(
                place,
                subject,
                "nothing checks its primary, so that it is switched by hand only",
                "Write a check in `checks`, then: "
                f"failoverdns application set {primary} --check CHECK && "
                f"failoverdns group set {builder.group_name(self._zone, owner)} --policy {POLICY}",
            )
        builder.group(
            place, self._zone, owner, next(iter(ttls)), primary, backup, policy, flatten=flatten
        )

    def _share_simple(self, owner: DomainName, sides: Mapping[str, list[Target]]) -> None:
        """Give both sides the addresses of the family that does not fail over."""
        for rtype in _ADDRESS_TYPES:
            entries = self._sets.get((owner, rtype), [])
            if len(entries) != 1 or entries[0].routing != "simple":
                continue
            try:
                target = self._targets.of(entries[0])
            except NotTaken:
                continue
            given = [side for side in sides.values() if side]
            if target.addresses and all(side[0].addresses for side in given):
                self._absorbed.add((owner, rtype))
                for side in given:
                    side[0].addresses += target.addresses
                text = f"its {rtype} records do not fail over: both sides have them"
                self._builder.note(entries[0].place, owner.to_text(), text)

    def _application(self, name: str, owner: DomainName, targets: Sequence[Target]) -> str | None:
        """Return the name of the application for one side, or None if it has no target."""
        addresses = list(dict.fromkeys(a for target in targets for a in target.addresses))
        hostnames = list(dict.fromkeys(t.hostname for t in targets if t.hostname is not None))
        checks = tuple(dict.fromkeys(check for target in targets for check in target.checks))
        if (addresses and hostnames) or len(hostnames) > 1:
            first = targets[0]
            kept = "addresses" if first.addresses else f"the hostname {first.hostname}"
            self._builder.refuse(
                targets[-1].place,
                f"{owner}, the target of one type",
                f"A and AAAA lead to different targets, and a head has one; {kept} are taken",
                "Use a load balancer that has both families",
            )
            addresses, hostnames = first.addresses, [first.hostname] if first.hostname else []
        if hostnames:
            head = PlannedHead("lb", hostname=hostnames[0].to_text())
            return self._builder.application(name, (head,), checks)
        if not addresses:
            return None
        return self._builder.application(name, heads_of(addresses), checks)

    # static records

    def _plain(self, key: Key, entries: Sequence[RecordSet]) -> None:
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
        if entry.rtype not in (*_ADDRESS_TYPES, "CNAME"):
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
        zone = self._zone
        if entry.owner == zone.origin:
            zone.alias, zone.alias_place = target, entry.place
            self._builder.needs_resolvers |= not target.is_at_or_below(zone.origin)
            return
        present = any(
            found.record.owner == entry.owner and found.record.rtype == CNAME
            for found in zone.records
        )
        if not present:
            try:
                zone.add_data(entry.place, entry.owner, CNAME, entry.ttl, target.wire)
            except Malformed as fault:
                self._builder.refuse(entry.place, subject_of(entry), str(fault))
                return
            self._builder.note(entry.place, subject_of(entry), f"it {how} by a CNAME")
