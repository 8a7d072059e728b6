"""Transitions: the effects of a decision on the state and on the records served.

The ledger commits them; a rehearsal reports them and discards them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from failoverdns.changes.comparing import set_again
from failoverdns.changes.draft import Draft
from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, Delta, Json, StaticDifference, Write
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.principal import Principal
from failoverdns.model.zone import Zone
from failoverdns.rules.decisions.decision import Decision
from failoverdns.rules.derived.affected_names import difference, nodes_of, touched
from failoverdns.rules.derived.zones import authorities, serial_writes
from failoverdns.rules.reports.changes_in_words import recount, recount_roles, roles, subjects


@dataclass(frozen=True, slots=True)
class Transition:
    """A change, the delta of the records served, new zones and settings, and bundles for the vault.

    `change` is None if nothing stored changes.  `fleeting` writes are not stored.
    """

    change: Change | None
    delta: Delta
    fleeting: tuple[Write, ...] = ()
    zones: tuple[Zone, ...] | None = None
    settings: AutomationSettings | None = None
    bundles: tuple[Bundle, ...] = ()


def transition_of(
    draft: Draft,
    decision: Decision,
    now: float,
    principal: Principal,
    given: Mapping[str, Json],
    *,
    unrecorded: bool = False,
) -> Transition:
    """Lay a decision over the draft, and raise the serials of the zones that it touches.

    `now` is in seconds since 1970; `given` is the command as the history records it.
    Fleeting writes take no revision and raise no serial, because they alter TTLs only.
    An `unrecorded` change, which is served before it is stored, takes the next serials: these are
    reserved, and the clock's are not.
    """
    fleeting = tuple(write for write in decision.writes if write.is_fleeting)
    lasting = tuple(write for write in decision.writes if not write.is_fleeting)
    if not lasting:
        zones, settings = decision.zones, decision.settings
        delta = delta_of(draft, draft.revision, fleeting, zones, settings, decision.static)
        return Transition(None, delta, fleeting, zones, settings)
    revision = draft.revision + 1
    before = roles(draft, lasting)
    delta = delta_of(
        draft, revision, decision.writes, decision.zones, decision.settings, decision.static
    )
    raised = serial_writes(draft, delta, None if unrecorded else now)
    draft.apply(revision, raised)
    delta = replace(delta, authorities=delta.authorities + authorities(draft, raised))
    change = Change(
        revision=revision,
        time=now,
        principal=principal,
        command={**given, **decision.about} if decision.about else given,
        changed=(*recount(draft, lasting), *recount_roles(draft, before)),
        subjects=subjects(lasting),
        writes=(*lasting, *raised),
    )
    return Transition(change, delta, fleeting, decision.zones, decision.settings, decision.bundles)


def delta_of(
    draft: Draft,
    revision: int,
    writes: Sequence[Write],
    zones: tuple[Zone, ...] | None = None,
    settings: AutomationSettings | None = None,
    static: StaticDifference | None = None,
) -> Delta:
    """Lay writes over the draft, and return the delta of the records served."""
    part = touched(draft, writes, zones, settings, static)
    before, configured = nodes_of(draft, part), draft.zones
    draft.apply(revision, writes, zones, settings)
    delta = difference(before, nodes_of(draft, part), part.concerned)
    kept = {zone.origin for zone in draft.zones}
    if static is not None:
        static = replace(static, again=set_again(draft.zones, static, delta.removed))
    return replace(
        delta,
        authorities=authorities(draft, writes),
        dropped=tuple(zone.origin for zone in configured if zone.origin not in kept),
        static=static,
    )
