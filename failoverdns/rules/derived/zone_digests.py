"""The digests of zones: hashes of all in a configuration that the answers of a zone depend on.

A zone whose digest differs from the stored one gets a new serial number, also if the configuration
changed while no server ran.  Zones that lead to nothing here have the digest of `Zone` itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from failoverdns.model.group import Group
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AllDown, AnswerOf, AutomationSettings
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.apex import answering_group, configured_target
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import pointed_at


def zone_digest(zone: Zone, settings: AutomationSettings, led_to: Iterable[str]) -> str:
    """Return a hash of the configuration that a zone's answers depend on.

    `led_to` are the addresses that names of the zone lead to, as text.
    """
    altering = [
        (policy.name, policy.all_down, policy.answer)
        for policy in settings.policies
        if policy.all_down is not AllDown.STAY or policy.answer is not AnswerOf.ALL
    ]
    if not altering and not led_to:
        return zone.digest()
    parts = [zone.digest(), *([repr(altering)] if altering else ()), *led_to]
    return sha256(" ".join(parts).encode()).hexdigest()[:32]


def led_to_by_zone(view: View, zones: Iterable[Zone]) -> dict[DomainName, list[str]]:
    """Return as text the configured addresses that names of each zone (by origin) lead to.

    Its alias may lead to them, and the hostnames of its flattened groups.
    """
    zone_at = {zone.origin: zone for zone in zones}.get
    found: dict[DomainName, dict[DomainName, None]] = {}
    for group in view.flattening():
        found.setdefault(group.zone, {}).update(dict.fromkeys(_hostnames(view, group)))
    for zone in zones:
        if zone.alias is not None:
            group_ = answering_group(view, zone.alias, zone_at)
            hostnames = (zone.alias,) if group_ is None else _hostnames(view, group_)
            found.setdefault(zone.origin, {}).update(dict.fromkeys(hostnames))
    return {
        origin: sorted(
            repr(addresses)
            for hostname in hostnames
            if (addresses := configured_target(zone_at, hostname))[0] is not None
        )
        for origin, hostnames in found.items()
    }


def _hostnames(view: View, group: Group) -> list[DomainName]:
    """Return the hostnames that a group's sides lead to."""
    applications = (view.application(id_) for id_ in group.applications)
    targets = (pointed_at(one) for one in applications if one is not None)
    return [target for target in targets if target is not None]
