"""Collect what an importer finds, and make a plan of it that this server accepts.

Applications with the same heads and checks are one application, and so are checks with the same
settings, so that a switch away from a data centre is one command here too.
`settling` gives names and labels at the end, and `rehearsing` tries the commands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from failoverdns.config.scalars import host_name
from failoverdns.config.zones.record_text import parse_record
from failoverdns.importing.naming import label_of, unused
from failoverdns.importing.plan import Plan, PlannedApplication, PlannedHead, Remark
from failoverdns.importing.rehearsing import Refusal, rehearse
from failoverdns.importing.settling import Collected, WantedGroup, group_name, settled
from failoverdns.importing.zone_contents import ZoneDraft
from failoverdns.model.errors import Malformed
from failoverdns.model.group import MAX_TTL
from failoverdns.model.names import DomainName
from failoverdns.model.zone import MAX_ORIGIN

_BY_HAND: Final = "Make it by hand, in another way: failoverdns group add"
_MAX_CHECK_NAME: Final = 64

_SHOWN: Final = 3
"""Reasons that are shown if nothing was taken."""

_PASSES: Final = 20
"""How often the commands are tried: a group that is left out may make another one impossible."""


@dataclass(slots=True)
class PlanBuilder(Collected):
    """What was found so far, with the remarks on it."""

    _remarks: set[Remark] = field(default_factory=set)
    _names: dict[object, str] = field(default_factory=dict)
    """The name of each application, by what it consists of."""
    _above: set[DomainName] = field(default_factory=set)
    """The names above the zones."""

    def refuse(self, place: str, subject: str, reason: str, advice: str = "") -> None:
        """List something that was not taken, once."""
        remark = Remark(place, subject, reason, advice)
        if remark not in self._remarks:
            self._remarks.add(remark)
            self.not_taken.append(remark)

    def note(self, place: str, subject: str, difference: str, advice: str = "") -> None:
        """List something that was taken and is different here, once."""
        remark = Remark(place, subject, difference, advice)
        if remark not in self._remarks:
            self._remarks.add(remark)
            self.notes.append(remark)

    def zone(self, origin: DomainName) -> ZoneDraft:
        """Begin a zone; raises Malformed for an origin that no zone here can have."""
        host_name(origin.to_text(), of_zone=True)
        if len(origin.wire) > MAX_ORIGIN:
            raise Malformed(
                f"the name {origin} is too long: at most {MAX_ORIGIN} bytes are possible"
            )
        if origin in self.zones:
            raise Malformed(f"the zone {origin} is given twice")
        above = list(_names_above(origin))
        outer = next((name for name in above if name in self.zones), None)
        if outer is not None or origin in self._above:
            raise Malformed(
                f"{origin} is inside the zone {outer}, or has a zone inside it; zones inside each "
                "other are not supported"
            )
        self._above.update(above)
        self.zones[origin] = draft = ZoneDraft(origin)
        return draft

    def check(self, wanted: str, settings: Mapping[str, object]) -> str:
        """Return the name of a check with these settings, `wanted` if it is new and free."""
        for name, present in self.checks.items():
            if present == settings:
                return name
        name = unused(wanted, self.checks, _MAX_CHECK_NAME)
        self.checks[name] = dict(settings)  # type: ignore[arg-type]
        return name

    def application(
        self,
        wanted: str,
        heads: tuple[PlannedHead, ...],
        checks: tuple[str, ...] = (),
        require_heads: int | None = None,
    ) -> str:
        """Return the name of an application with these heads and checks, `wanted` if it is new."""
        key = (heads, checks, require_heads)
        if key not in self._names:
            name = unused(label_of(wanted), self.applications)
            self.applications[name] = PlannedApplication(name, heads, checks, require_heads)
            self._names[key] = name
        return self._names[key]

    def checks_of(self, application: str) -> tuple[str, ...]:
        """Return the names of an application's checks."""
        return self.applications[application].checks

    def group(
        self,
        place: str,
        zone: ZoneDraft,
        owner: DomainName,
        ttl: int,
        primary: str,
        backup: str | None = None,
        policy: str | None = None,
        *,
        flatten: bool = False,
    ) -> None:
        """Add a group that answers for `owner` with the applications of these names, if it can be.

        `ttl` (seconds) is lowered to what a group can have.
        """
        try:
            parse_record(f"{owner.absolute_text()} 60 IN TXT x", zone.origin, 60)
        except Malformed as fault:
            self.refuse(place, f"{owner}, as a group", str(fault))
            return
        if ttl > MAX_TTL:
            self.note(place, owner.to_text(), f"its TTL is {MAX_TTL}, the largest, not {ttl}")
            ttl = MAX_TTL
        if backup == primary:
            self.note(place, owner.to_text(), "both sides are the same, so the group has one side")
            backup = policy = None
        flatten = flatten and owner != zone.origin
        self.groups[owner] = WantedGroup(place, zone, owner, ttl, primary, backup, policy, flatten)

    def has_group(self, owner: DomainName) -> bool:
        """Return whether a group answers for a name."""
        return owner in self.groups

    def group_name(self, zone: ZoneDraft, owner: DomainName) -> str:
        """Return the name of the group for `owner`, unless another group has it."""
        return group_name(zone, owner, one_zone=len(self.zones) == 1)

    def finish(self) -> Plan:
        """Return the plan, of which a server takes every command.

        The commands are tried on a server in memory; what it refuses is left out and listed.
        Raises Malformed if no zone was taken.
        """
        if not self.zones:
            reasons = (
                f"{r.place}: {r.subject}: {r.reason}" + (f"\n    {r.advice}." if r.advice else "")
                for r in self.not_taken[:_SHOWN]
            )
            raise Malformed("\n".join(reasons) or f"{self.source}: has no zone")
        for _ in range(_PASSES):
            plan = settled(self)
            refusals = rehearse(plan)
            if not refusals:
                return plan
            self._leave_out(plan, refusals)
        for wanted in self.groups.values():
            self.refuse(wanted.place, wanted.owner.to_text(), "its group depends on others")
        self.groups.clear()
        return settled(self)

    def _leave_out(self, plan: Plan, refusals: Sequence[Refusal]) -> None:
        """Leave out the groups, or the sides of groups, that were refused."""
        groups = {refusal.name: refusal.message for refusal in refusals if refusal.is_group}
        applications = {r.name: r.message for r in refusals if not r.is_group}
        for group, (owner, wanted) in zip(plan.groups, list(self.groups.items()), strict=True):
            message = groups.get(group.name)
            sides = [name for name in (wanted.primary, wanted.backup) if name is not None]
            kept = [name for name in sides if name not in applications]
            if message is None and kept == sides:
                continue
            message = message or next(applications[n] for n in sides if n in applications)
            text = f"this server would refuse it: {message}"
            self.refuse(wanted.place, f"{owner}, as a group", text, _BY_HAND)
            if group.name in groups or not kept:
                del self.groups[owner]
            else:
                self.groups[owner] = replace(wanted, primary=kept[0], backup=None, policy=None)


def _names_above(name: DomainName) -> Iterator[DomainName]:
    while not (name := name.parent()).is_root:
        yield name
