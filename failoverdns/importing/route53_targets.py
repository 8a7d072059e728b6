"""What the record sets of Route 53 lead to: addresses, or a hostname, and the checks of its health.

An alias to a name of the same zone is followed within the document; any other target of an alias is
a hostname, whose addresses Route 53 looks up, and this server too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from failoverdns.importing.builder import PlanBuilder
from failoverdns.importing.plan import PlannedHead
from failoverdns.importing.route53_checks import CheckImport
from failoverdns.importing.route53_documents import RecordSet
from failoverdns.model.errors import Malformed
from failoverdns.model.hostnames import target_hostname
from failoverdns.model.names import DomainName

Key = tuple[DomainName, str]
"""The name and the type of record sets."""

ADDRESS_TYPES: Final = ("A", "AAAA")
_MAX_STEPS: Final = 8
"""Aliases that are followed one after the other."""


@dataclass(slots=True)
class Target:
    """Addresses, or a hostname; `ttl` in seconds, `checks` are names of checks."""

    place: str
    ttl: int
    addresses: list[str] = field(default_factory=list)
    hostname: DomainName | None = None
    is_alias: bool = False
    checks: list[str] = field(default_factory=list)


class NotTaken(Exception):
    """A record set that leads to nothing that can be taken; the message says why."""


class Targets:
    """Finds the targets of record sets in the zone `origin`; remarks go to the builder."""

    def __init__(
        self,
        builder: PlanBuilder,
        origin: DomainName,
        sets: Mapping[Key, Sequence[RecordSet]],
        checks: CheckImport,
    ) -> None:
        self._builder = builder
        self._origin = origin
        self._sets = sets
        self._checks = checks

    def of(self, entry: RecordSet) -> Target:
        """Return what a record set leads to; raises NotTaken."""
        found = Target(entry.place, entry.ttl)
        if entry.alias is None:
            self._take_values(entry, found)
        else:
            self.follow(entry, found)
        if entry.health_check is not None:
            self._check(entry, entry, found)
        if entry.evaluates and entry.failover and found.is_alias:
            subject = f"{subject_of(entry)}: EvaluateTargetHealth"
            reason = f"the health of {entry.alias} is known to AWS only"
            if found.checks:
                self._builder.note(entry.place, subject, f"{reason}; its health check counts alone")
            else:
                advice = "Write a check for it in `checks`, and use it: failoverdns application set"
                self._builder.refuse(entry.place, subject, reason, advice)
        return found

    def _check(self, entry: RecordSet, at: RecordSet, found: Target) -> None:
        """Give the target of `entry` the health check of `at`; another endpoint is listed."""
        id_ = at.health_check
        check = None if id_ is None else self._checks.name_of(id_, at.place)
        if id_ is None or check is None:
            return
        found.checks.append(check)
        endpoint = self._checks.endpoint_of(id_)
        own = found.addresses or [str(found.hostname)]
        if not entry.failover or not endpoint or own in ([endpoint], self._values(endpoint, entry)):
            return
        where = "the head's own address" if len(own) == 1 else "the heads' own addresses"
        where = where if found.addresses else "the head's hostname"
        self._builder.note(
            entry.place,
            subject_of(entry),
            f"its health check {id_} probes {endpoint} at Route 53; here it probes {where} "
            + ", ".join(own),
        )

    def _check_all(self, entry: RecordSet, checked: Sequence[RecordSet], found: Target) -> None:
        """Give the target of `entry` the health checks of these record sets."""
        for at in checked:
            self._check(entry, at, found)

    def _values(self, name: str, entry: RecordSet) -> list[str]:
        """Return the values of the simple record set that a name has in this zone, if it is one."""
        try:
            found = self._sets.get((DomainName.from_text(name), entry.rtype), ())
        except Malformed:
            return []
        return list(found[0].values) if len(found) == 1 and found[0].routing == "simple" else []

    def _take_values(self, entry: RecordSet, found: Target) -> None:
        if entry.rtype == "CNAME":
            found.hostname = self._head(entry.values[0].strip(), entry.owner)
            return
        for value in entry.values:
            try:
                address = ip_address(value.strip())
            except ValueError:
                raise NotTaken(f"{value[:60]!r} is not an address") from None
            kind = IPv4Address if entry.rtype == "A" else IPv6Address
            if not isinstance(address, kind) or str(address).count("%"):
                raise NotTaken(f"{value[:60]!r} is not an address for {entry.rtype}")
            found.addresses.append(str(address))

    def follow(self, entry: RecordSet, found: Target) -> None:
        """Follow an alias through the zone, into `found`; raises NotTaken."""
        name, at = entry.alias, entry
        checked: list[RecordSet] = []
        for _ in range(_MAX_STEPS):
            assert name is not None
            if not name.is_at_or_below(self._origin):
                found.hostname, found.is_alias = self._head(name.to_text(), entry.owner), True
                self._check_all(entry, checked, found)
                return
            entries = self._sets.get((name, at.rtype), [])
            if not entries:
                raise NotTaken(f"its alias leads to {name}, which has no {at.rtype} record here")
            if len(entries) > 1 or entries[0].routing != "simple":
                raise NotTaken(
                    f"its alias leads to {name}, which is not a simple record: a group follows "
                    "applications, not other groups"
                )
            at = entries[0]
            if entry.evaluates and at.health_check is not None:
                checked.append(at)
            if at.alias is None:
                found.ttl = at.ttl
                self._take_values(at, found)
                self._check_all(entry, checked, found)
                text = f"its target is now what {name} is at present; it does not follow that name"
                self._builder.note(entry.place, subject_of(entry), text)
                return
            name = at.alias
        raise NotTaken("its alias leads through too many names")

    def _head(self, text: str, owner: DomainName) -> DomainName:
        """Return the hostname of a head; raises NotTaken for one that cannot work."""
        try:
            name = target_hostname(text)
        except Malformed as fault:
            raise NotTaken(f"{text[:60]!r} cannot be the hostname of a head: {fault}") from None
        at = name
        for _ in range(_MAX_STEPS):
            if at == owner:
                raise NotTaken(f"its target {name} leads back to {owner}")
            following = self._sets.get((at, "CNAME"), ())
            if len(following) != 1 or not following[0].values:
                return name
            at = self.hostname(following[0].values[0])
        raise NotTaken(f"its target {name} leads through too many names")

    def hostname(self, text: str) -> DomainName:
        """Return the name that `text` is; raises NotTaken."""
        try:
            return DomainName.from_text(text.strip())
        except Malformed as fault:
            raise NotTaken(f"{text[:60]!r} is not a domain name: {fault}") from None


def heads_of(addresses: Sequence[str]) -> tuple[PlannedHead, ...]:
    """Return the heads of an application that answers with all these addresses.

    One address of each family is one load balancer; more are web servers.
    """
    families = [ip_address(address).version for address in addresses]
    if len(set(families)) == len(families):
        return (PlannedHead("lb", tuple(addresses)),)
    return tuple(
        PlannedHead(f"web{number}", (address,), is_web_server=True)
        for number, address in enumerate(addresses, 1)
    )


def subject_of(entry: RecordSet) -> str:
    """Return a record set in words: its name, its type, and its side."""
    words = [entry.owner.to_text(), entry.rtype]
    if entry.failover:
        words.append(entry.failover)
    return " ".join(words)
