"""A rehearsal: a switch that is carried out on a draft only, to report what it would change.

The draft is discarded: nothing is stored, published or announced.  The rules decide as they do for
a real switch, but no hook is asked for approval.
"""

from __future__ import annotations

from random import Random

from failoverdns.changes.draft import Draft
from failoverdns.changes.state import State
from failoverdns.changes.transitions import Transition, transition_of
from failoverdns.model.application import target_texts
from failoverdns.model.change import Change, Json, Node
from failoverdns.model.commands.groups import Rehearse, Switch
from failoverdns.model.moment import Moment
from failoverdns.model.principal import unix_principal
from failoverdns.model.records import MARKER
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import Zone
from failoverdns.protocol.zone_text import record_lines
from failoverdns.rules.decisions.switching import plan, proposal_report, switch
from failoverdns.rules.derived.entity_lookup import find_group
from failoverdns.rules.derived.targets import answer_of
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.events import events_of

MOST_RECORDS = 100
"""Names whose records a rehearsal shows, at most."""


def rehearsal(state: State, query: Rehearse, moment: Moment) -> dict[str, Json]:
    """Return what a switch of a group would change, and which rules refuse it.

    Rules that refuse the switch are overridden for the rehearsal, so that it shows every change.
    Raises Rejected `not-found`, or `invalid` for an override of an unknown rule.
    """
    group = find_group(state, query.group)
    (planned,) = plan(state, [group], query.to, moment)
    refusing = [f for f in planned.failures if f.rule not in query.override]
    override = tuple({*query.override, *(failure.rule for failure in planned.failures)})
    command = Switch((group.name,), query.to, override=override)
    draft = Draft(state)
    decision = switch(draft, command, moment, Random(0))
    report: dict[str, Json] = {
        "group": group.name,
        "to": planned.after.active.value,
        "would_succeed": not refusing,
        "rules": [{"rule": f.rule, "message": f.message} for f in refusing],
        "changed": [],
        "records": [],
        "events": [],
    }
    if not decision.writes:
        return report
    before = target_texts(answer_of(state, group))
    transition = transition_of(
        draft, decision, moment.now, unix_principal(0, 0, "rehearsal"), {"command": "switch"}
    )
    after = draft.group(group.id)
    assert after is not None
    return {
        **report,
        "answers": [list[Json](before), list[Json](target_texts(answer_of(draft, after)))],
        "certificate": proposal_report(state, planned)["certificate"],
        "drained_at": timestamp(after.drained_at),
        **_effects(transition, draft),
    }


def _effects(transition: Transition, view: View) -> dict[str, Json]:
    change = transition.change
    assert change is not None
    nodes = sorted(transition.delta.nodes, key=lambda node: node.owner.to_text())
    return {
        "changed": [dict(part) for part in change.changed],
        "records": [_lines(node, view.zone(node.owner)) for node in nodes[:MOST_RECORDS]],
        "names": len(transition.delta.nodes) + len(transition.delta.removed),
        "events": _events(change),
        "zones": [rrset.owner.to_text() for rrset in transition.delta.authorities],
    }


def _events(change: Change) -> list[Json]:
    return [f"{event.kind.value} {event.subject}" for event in events_of(change)]


def _lines(node: Node, apex_of: Zone | None) -> Json:
    """Return the records at a name, without a marker, and at an apex without configured ones."""
    configured = apex_of.configured_at(node.owner) if apex_of is not None else ()
    rrsets = [r for r in node.rrsets if r not in configured and r.rtype != MARKER]
    lines = "".join(record_lines(node.owner, records) for records in rrsets)
    nothing = "NODATA" if apex_of is None else "no address"
    return lines.rstrip("\n") or f"{node.owner.absolute_text()} {nothing}"
