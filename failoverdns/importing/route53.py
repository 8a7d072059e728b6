"""Map a hosted zone of Route 53: failover record sets become groups, all others static records.

Record sets of the types A and AAAA at one name become one group, with both families.  An alias to a
name of the same zone is followed within the document; an alias to another name becomes a hostname
whose addresses are looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.naming import flat_label
from failoverdns.importing.plan import Plan, PlannedHead, Settings
from failoverdns.importing.route53_checks import CheckImport
from failoverdns.importing.route53_documents import HealthCheck, RecordSet, zone_of
from failoverdns.importing.route53_records import PlainRecords
from failoverdns.importing.route53_targets import (
    ADDRESS_TYPES,
    Key,
    NotTaken,
    Target,
    Targets,
    heads_of,
    subject_of,
)
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName

POLICY: Final = "route53"

_POLICY: Final[Settings] = {
    "mode": "automatic",
    "fail_back": "automatic",
    "all_down": "primary",
}
"""What Route 53 does: it returns by itself, and answers with the primary if nothing is healthy."""


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
    try:
        draft = builder.zone(origin)
    except Malformed as fault:
        raise Malformed(f"{source}: the zone {origin} cannot be served: {fault}") from None
    return _Import(builder, draft, sets, CheckImport(builder, checks)).plan(cut_off)


def _as_failover(entries: list[RecordSet], builder: PlanBuilder) -> list[RecordSet]:
    """Return two weighted record sets, one of which has the weight 0, as a failover pair.

    Route 53 answers with the other one unless it is unhealthy.
    """
    weights = [entry.weight for entry in entries]
    if len(entries) != 2 or {entry.routing for entry in entries} != {"weighted"}:
        return entries
    if weights.count(0) != 1 or not all(isinstance(weight, int) for weight in weights):
        return entries
    text = "its weights are 0 and another number: it becomes a backup and a primary"
    builder.note(entries[0].place, entries[0].owner.to_text(), text)
    return [
        replace(entry, routing="failover", failover="PRIMARY" if entry.weight else "SECONDARY")
        for entry in entries
    ]


class _Import:
    def __init__(
        self, builder: PlanBuilder, zone: ZoneDraft, sets: Sequence[RecordSet], checks: CheckImport
    ) -> None:
        self._builder = builder
        self._zone = zone
        self._sets: dict[Key, list[RecordSet]] = {}
        for entry in sets:
            self._sets.setdefault((entry.owner, entry.rtype), []).append(entry)
        for key, entries in self._sets.items():
            self._sets[key] = _as_failover(entries, builder)
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
            if any(self._failover(owner, rtype) for rtype in (*ADDRESS_TYPES, "CNAME")):
                self._group(owner)
        plain = PlainRecords(builder, self._zone, self._sets, self._targets)
        for key, entries in self._sets.items():
            if key not in self._absorbed:
                plain.take(key, entries)
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
        for rtype in (*ADDRESS_TYPES, "CNAME"):
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
        for rtype in ADDRESS_TYPES:
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
