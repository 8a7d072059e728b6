"""The decision on a new configuration: which zones changed, and whether the state allows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from random import Random

from failoverdns.model.catalog import Catalog
from failoverdns.model.change import Json, StaticDifference, Write
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.group import SIDE_LABELS, Group, group_names
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Mode
from failoverdns.model.record_text import type_name
from failoverdns.model.zone import MAX_ORIGIN, Zone
from failoverdns.rules.decisions.decision import Decision, row, warned
from failoverdns.rules.decisions.secondaries import forgotten
from failoverdns.rules.derived.affected_names import changed_zones
from failoverdns.rules.derived.apex import (
    apex_conflicts,
    is_answered_here,
    labelled_apex,
)
from failoverdns.rules.derived.entity_lookup import zone_of
from failoverdns.rules.derived.obstacles import named, sentences, unchecked_backups
from failoverdns.rules.derived.reconfigured import reconfigured
from failoverdns.rules.derived.stored import configured_names, hidden_rrsets, why_hidden
from failoverdns.rules.derived.targets import alias_problem
from failoverdns.rules.derived.trails import application_loop, dead_end
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at
from failoverdns.rules.derived.zone_digests import led_to_by_zone, zone_digest
from failoverdns.rules.derived.zones import NOT_CONFIGURED, above_reserved, raised_serial


def configure(view: View, command: Configure, moment: Moment, _random: Random) -> Decision:
    """Serve exactly the given zones; each new or changed zone gets a new serial number.

    Serial numbers above the stored one may have been served, if the server before may have lost
    steps that were not recorded: then every zone begins above them, if anything is automatic.
    Raises Rejected `invalid` for a zone whose name leaves no room for labels.  Raises Rejected
    `in-use`, with every fault, if a group's zone is not configured, if a name of a group has
    configured records or is that of the catalog zone, if a check or policy is in use and not
    configured, or if a reload makes the hostname of an application lead back to its group.
    """
    too_long = [zone.origin for zone in command.zones if len(zone.origin.wire) > MAX_ORIGIN]
    if too_long:
        each = "; ".join(f"zone {origin} has {len(origin.wire)}" for origin in too_long)
        raise Rejected("invalid", f"a zone's name has at most {MAX_ORIGIN} bytes: {each}")
    faults = [
        *_missing_zones(view, command),
        *_conflicts(view, command),
        *_missing_settings(view, command),
        *_catalog_conflicts(view, command),
        *_new_loops(view, command),
    ]
    if faults:
        raise Rejected("in-use", "; ".join(faults))
    writes = []
    is_lost = command.may_have_lost and _is_any_automatic(view, command)
    catalog = command.catalog
    led_to = led_to_by_zone(view, command.zones)
    for zone in command.zones:
        before = view.serial(zone.origin)
        digest = zone_digest(zone, command.settings, led_to.get(zone.origin, []))
        if before is not None and is_lost:
            writes.append(above_reserved(before, digest, moment.now))
        elif before is None or before.digest != digest:
            writes.append(raised_serial(before, zone.origin, digest, moment.now))
    if catalog is not None:
        writes += _catalog_writes(view, catalog, moment.now)
    kept = {zone.origin for zone in command.zones}
    kept |= {catalog.origin} if catalog is not None else set()
    for dropped in view.serials():  # also zones that were removed while no server ran
        if dropped.origin not in kept and dropped.digest != NOT_CONFIGURED:
            writes.append(Write(dropped, replace(dropped, digest=NOT_CONFIGURED)))
    writes += forgotten(view, command.zones)
    names = [zone.origin.to_text() for zone in command.zones]
    # If the settings are those in use, no warning is new; but a start repeats all of them.
    is_new = command.is_start or command.settings != view.settings
    known = _policy_warnings(view) if is_new and not command.is_start else ()
    decision = Decision(
        tuple(writes),
        lambda after: _report(after, names, known, _policy_warnings(after) if is_new else ()),
        command.zones,
        command.settings,
        static=command.static,
    )
    hidden = command.static.hidden if command.static is not None else ()
    return warned(decision, (*hidden, *_stored_warnings(view, command.zones)))


def _stored_warnings(view: View, zones: Iterable[Zone]) -> Iterator[str]:
    """Yield which stored records new zones do not show any more, some of them by name.

    At the start, when no zone is served yet, these are all that are not served.
    """
    new = {zone.origin: zone for zone in zones}
    for origin in sorted(changed_zones(view.zones, zones), key=lambda origin: origin.wire):
        count = view.stored_count(origin)
        zone, before = new.get(origin), view.zone(origin)
        if zone is None and count:
            yield (
                f"zone {origin} is not configured any more: its {count} stored record(s) are kept, "
                "and served again when it is configured"
            )
        if zone is None or not count:
            continue
        is_configured = configured_names(zone)
        found = [
            f"the {type_name(rrset.rtype)} records of {records.owner} in the state are not served: "
            f"{why_hidden(zone, records, rrset)}"
            for records in view.stored_records(origin)
            if is_configured(records.owner.wire)
            for rrset in hidden_rrsets(zone, records)
            if before is None or rrset not in hidden_rrsets(before, records)
        ]
        yield from found[:_MOST_HIDDEN]
        if len(found) > _MOST_HIDDEN:
            yield (
                f"and so it is with {len(found) - _MOST_HIDDEN} more RRsets: see "
                f"`record list {origin}`"
            )


def _report(
    view: View, names: Iterable[str], known: Iterable[str], found: Iterable[str]
) -> dict[str, Json]:
    """Return the names of the zones, and the warnings about them and about policies, if any.

    `known` are the warnings about policies before, which are not repeated, and `found` those now.
    """
    before = set(known)
    lost = islice(_lost_targets(view), _MOST_LOST)
    warnings = [*alias_warnings(view), *lost, *(text for text in found if text not in before)]
    return {"zones": [*names], **({"warnings": warnings} if warnings else {})}


_MOST_HIDDEN = 5
"""Stored RRsets of a zone that are reported as hidden, at most."""

_MOST_LOST = 5
"""Applications that a reload or a start warns of because their target here is lost, at most."""


def _new_loops(view: View, command: Configure) -> list[str]:
    """Return the hostnames of applications that new records lead back to their groups.

    What a start finds is reported and served: other names should be answered all the same.
    """
    if command.is_start or not changed_zones(view.zones, command.zones):
        return []
    after = reconfigured(view, command.zones)
    faults = []
    for application in view.applications():
        hostname = pointed_at(application)
        if hostname is None or zone_of(after, hostname) is None:
            continue
        loop = application_loop(after, application, hostname)
        if loop is not None and application_loop(view, application, hostname) is None:
            faults.append(loop)
    return faults


def _lost_targets(view: View) -> Iterator[str]:
    """Yield what is wrong with targets in the zones here: they leads in a loop, or nowhere."""
    for application in view.applications():
        hostname = pointed_at(application)
        if hostname is not None and zone_of(view, hostname) is not None:
            loop = application_loop(view, application, hostname)
            if (problem := loop or dead_end(view, application)) is not None:
                yield problem


def _policy_warnings(view: View) -> list[str]:
    """Return what keeps policies from acting, and which unchecked backups count as up."""
    groups = [group for group in view.groups() if group.automation.policy is not None]
    found = sentences(view, groups)
    if unchecked := unchecked_backups(view, groups):
        found.append(
            f"nothing checks the backup of {named(unchecked)}, which counts as up when the primary "
            "is down (unchecked: up)"
        )
    return found


def alias_warnings(view: View) -> Iterator[Json]:
    """Yield a sentence for each zone whose alias leads to a name here that answers nothing."""
    for alias, origins in view.aliases.items():
        problem = alias_problem(view, alias) if is_answered_here(view, alias) else None
        if problem is not None:
            for origin in origins:
                yield f"zone {origin} answers no address: its alias is {alias}: {problem}"


def _is_any_automatic(view: View, command: Configure) -> bool:
    """Return whether answers may change without a command by hand.

    A switch in one zone changes the roles of applications, which every zone serves.
    """
    automatic = {
        policy.name for policy in command.settings.policies if policy.mode is Mode.AUTOMATIC
    }
    return any(zone.alias is not None for zone in command.zones) or any(
        group.flatten or group.automation.plan is not None or group.automation.policy in automatic
        for group in view.groups()
    )


def _catalog_writes(view: View, catalog: Catalog, now: float) -> tuple[Write, ...]:
    """Return the write that raises the serial number of the catalog zone, if its content changed.

    A name that was the catalog zone before, or any other zone, goes on from its serial number.
    No step that is not recorded changes the content, so none of its numbers can be lost.
    """
    before, digest = view.serial(catalog.origin), catalog.digest()
    if before is None or before.digest != digest:
        return (raised_serial(before, catalog.origin, digest, now),)
    return ()


def _catalog_conflicts(view: View, command: Configure) -> Iterator[str]:
    """Yield the group at the name of the catalog zone: secondaries would not answer for it."""
    catalog = command.catalog
    for zone in command.zones if catalog is not None else ():
        assert catalog is not None
        if catalog.origin.is_at_or_below(zone.origin):
            group = group_at(view, zone, catalog.origin)
            if group is not None:
                yield (
                    f"{catalog.origin} cannot be the catalog zone, because it belongs to group "
                    f"{group.name!r}"
                )


def _missing_settings(view: View, command: Configure) -> list[str]:
    """Return the checks and policies that are in use and not configured.

    A reload can only lack those that it removes, and most remove none.
    """
    checks = {check.name for check in command.settings.checks}
    policies = {policy.name for policy in command.settings.policies}
    if not command.is_start:
        gone = {check.name for check in view.settings.checks} - checks
        if not gone and {policy.name for policy in view.settings.policies} <= policies:
            return []
    using: dict[str, list[str]] = {}
    for application in view.applications():
        for name in application.checks:
            if name not in checks:
                using.setdefault(f"check {name!r}", []).append(f"application {application.name!r}")
    for group in view.groups():
        policy = group.automation.policy
        if policy is not None and policy not in policies:
            using.setdefault(f"policy {policy!r}", []).append(f"group {group.name!r}")
    return [
        f"{what} is not configured, but {users[0]} uses it"
        + (f", and {len(users) - 1} more" if len(users) > 1 else "")
        for what, users in using.items()
    ]


def _missing_zones(view: View, command: Configure) -> list[str]:
    """Return the zones that have groups and are not configured: a reload removes few zones."""
    wanted = {zone.origin for zone in command.zones}
    if not command.is_start and all(zone.origin in wanted for zone in view.zones):
        return []
    counts = Counter(group.zone for group in view.groups())
    return [
        f"zone {origin} is not configured, but {count} group(s) are in it"
        for origin, count in counts.items()
        if origin not in wanted
    ]


def _conflicts(view: View, command: Configure) -> list[str]:
    """Return the names that have both configured records and a group."""
    faults = []
    for zone in command.zones:
        faults += apex_faults(view, zone)
        for owner in _owners(zone, command.static):
            group = group_at(view, zone, owner)
            if group is not None:
                faults.append(f"{owner} has records, but belongs to group {group.name!r}")
    return faults


def apex_faults(view: View, zone: Zone) -> list[str]:
    """Return what a zone has that excludes the group at its apex; nothing without such a group."""
    group = labelled_apex(view, zone.origin)
    return [] if group is None else [f"group {group.name!r}: {f}" for f in apex_conflicts(zone)]


def _owners(zone: Zone, static: StaticDifference | None) -> Iterable[DomainName]:
    """Yield the names of a zone that must be compared with the groups."""
    if static is None:
        return dict.fromkeys(rrset.owner for rrset in zone.configured_rrsets())
    names = (*zone.own_names(), *static.unchecked)
    return [owner for owner in names if zone.has_configured(owner)]


def group_at(view: View, zone: Zone, owner: DomainName) -> Group | None:
    """Return the group that excludes configured records at the name `owner` in a zone, or None.

    A group at the apex excludes records at the names of its sides; at the origin there may be
    records of other types (`apex_conflicts`).
    """
    wire, end = owner.wire, len(owner.wire) - len(zone.origin.wire)
    at = 0 if 1 + wire[0] == end else 1 + wire[0]
    if at >= end or at + 1 + wire[at] != end:  # only names one or two labels below the origin
        return None
    label = wire[at + 1 : end].decode("latin-1")
    group = view.label_owner(zone.origin, label)
    if isinstance(group, Group) and owner in group_names(group.hostname):
        return group
    apex = labelled_apex(view, zone.origin) if label in SIDE_LABELS else None
    return apex if apex is not None and owner in group_names(apex.hostname) else None


DECISIONS = (row(Configure, configure),)
"""The commands that this module decides on."""
