"""Dynamic updates: what an UPDATE message with a verified signature may do, and does.

    zone and names -> scopes of the key, names that nobody updates -> prerequisites -> instructions

An update is carried out as a whole or not at all, and is judged by what it leaves.  Whether the key
may do it is decided before its prerequisites are looked at, so that a key learns nothing about
names beyond its scopes that a query would not have answered.

As in RFC 2136 section 3.4.2 some instructions are ignored without an error: those on SOA records,
a CNAME record beside others and others beside a CNAME record, and the deletion of the last NS
record of the zone.  The records of the configuration are never updated: that is REFUSED.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from failoverdns.model.change import Json, Write
from failoverdns.model.commands.updates import UpdateZone
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode, RRType
from failoverdns.model.record_data import compared
from failoverdns.model.record_text import type_name
from failoverdns.model.records import (
    AAAA,
    BY_SIGNING,
    CNAME,
    MARKER,
    NS,
    SOA,
    TXT,
    A,
    Opaque,
    RRset,
)
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.zone import CHALLENGE_LABEL, UpdateScope, Zone
from failoverdns.model.zone_update import Action, Instruction, NotUpdated
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.decisions.head_updates import head_at, head_rrsets, head_writes
from failoverdns.rules.decisions.record_names import why_reserved
from failoverdns.rules.decisions.records import (
    AddRecords,
    DeleteName,
    DeleteRecords,
    DeleteRRset,
    Edit,
    Edited,
    changed_records,
)
from failoverdns.rules.decisions.update_prerequisites import require
from failoverdns.rules.decisions.update_scopes import may_change, may_set_heads, scopes_of
from failoverdns.rules.derived.apex import labelled_apex
from failoverdns.rules.derived.served_names import served_at
from failoverdns.rules.derived.stored import configured_types
from failoverdns.rules.derived.view import View

_BESIDE_CNAME = frozenset((CNAME, RRType.RRSIG.value, RRType.NSEC.value, RRType.KEY.value))


def update_zone(view: View, command: UpdateZone, moment: Moment, _random: Random) -> Decision:
    """Carry out a dynamic update; raises NotUpdated with the response code.

    RFC 2136 section 3.
    """
    update = command.update
    zone = view.zone(update.zone)
    if zone is None:
        raise NotUpdated(Rcode.NOTAUTH, f"{update.zone} is not a zone of this server")
    for one in update.instructions:
        if not one.owner.is_at_or_below(zone.origin):
            text = f"{one.owner} is outside of the zone {zone.origin}"
            raise NotUpdated(Rcode.NOTZONE, text)
    scopes = scopes_of(zone, command.key)
    for one in update.instructions:
        if (why := _why_not(view, zone, scopes, one)) is not None:
            raise NotUpdated(Rcode.REFUSED, f"{_in_words(one)}: {why}")
    if not scopes:
        text = f"the key {command.key} has no `updates` in the zone {zone.origin}"
        raise NotUpdated(Rcode.REFUSED, text)
    require(zone.origin, update.prerequisites, lambda owner: _seen(view, zone, scopes, owner))
    try:
        writes = _writes(view, zone, update.instructions, moment)
    except NotUpdated:
        raise
    except Rejected as refusal:
        raise NotUpdated(Rcode.REFUSED, refusal.message) from None
    changed: dict[str, Json] = {"zone": zone.origin.to_text(), "changed": bool(writes)}
    return Decision(writes, lambda _: changed)


def _why_not(
    view: View, zone: Zone, scopes: tuple[UpdateScope, ...], one: Instruction
) -> str | None:
    """Return why an instruction is refused, whatever the prerequisites; None if it is not."""
    owner = one.owner
    name = head_at(zone, owner)
    if name is not None:
        if may_set_heads(scopes, name.application):
            return None
        return f"the key may not set heads of application {name.application}"
    if not may_change(scopes, zone, owner, _types(view, zone, one)):
        return "that is outside of what the key may update"
    if (why := why_reserved(view, zone, owner)) is not None:
        return why
    if one.rtype in BY_SIGNING or one.rtype == MARKER:
        return f"{type_name(one.rtype)} records are made by the server"
    if _is_ignored_at_apex(zone, one):
        return None
    apex = labelled_apex(view, zone.origin) if owner == zone.origin else None
    if apex is not None and one.rtype in (A, AAAA):
        return f"group {apex.name!r} answers with addresses there"
    configured = configured_types(zone, owner)
    if owner == zone.origin and one.action is Action.DELETE_NAME:
        configured -= {SOA, NS}
    taken = configured if one.action is Action.DELETE_NAME else configured & {one.rtype}
    if taken and not _is_challenge(owner, one):
        types = ", ".join(map(type_name, sorted(taken)))
        return f"there are {types} records in the configuration, which no update changes"
    return None


def _types(view: View, zone: Zone, one: Instruction) -> Iterable[int]:
    """Return the types that an instruction is about: for a whole name, those that are stored."""
    if one.action is not Action.DELETE_NAME:
        return (one.rtype,)
    stored = view.entity(StoredRecords, (zone.origin, one.owner))
    return [rrset.rtype for rrset in stored.rrsets] if stored is not None else ()


def _seen(
    view: View, zone: Zone, scopes: tuple[UpdateScope, ...], owner: DomainName
) -> tuple[RRset, ...]:
    """Return the RRsets at a name that prerequisites are about: those served, or of a head."""
    name = head_at(zone, owner)
    if name is None:
        return served_at(view, zone, owner)
    return head_rrsets(view, name) if may_set_heads(scopes, name.application) else ()


def _writes(
    view: View, zone: Zone, instructions: Iterable[Instruction], moment: Moment
) -> tuple[Write, ...]:
    """Return the writes of instructions that are permitted; raises Rejected."""
    heads, others = [], []
    for one in instructions:
        name = head_at(zone, one.owner)
        if name is not None:
            heads.append((name, one))
        else:
            others.append(one)
    edits = tuple(_edits(view, zone, others))
    return (*changed_records(view, zone, edits), *head_writes(view, heads, moment))


def _edits(view: View, zone: Zone, instructions: Iterable[Instruction]) -> Iterator[Edit]:
    """Yield the edits of instructions in their order, without those that are ignored."""
    edited = Edited(view, zone)
    for one in instructions:
        if _is_ignored_at_apex(zone, one) or _is_beside_cname(edited, view, zone, one):
            continue
        edit = _edit_of(one)
        edited.apply(edit)
        yield edit


def _edit_of(one: Instruction) -> Edit:
    match one.action:
        case Action.ADD:
            return AddRecords(one.owner, RRset(one.rtype, one.ttl, (Opaque(one.data),)))
        case Action.DELETE_RECORD:
            return DeleteRecords(one.owner, one.rtype, (Opaque(one.data),))
        case Action.DELETE_RRSET:
            return DeleteRRset(one.owner, one.rtype)
        case Action.DELETE_NAME:
            return DeleteName(one.owner)


def _is_ignored_at_apex(zone: Zone, one: Instruction) -> bool:
    """Return whether an instruction is about SOA or NS records in a way that is ignored.

    RFC 2136 sections 3.4.2.2 to 3.4.2.4.
    """
    if one.rtype == SOA:
        return True
    if one.rtype != NS or one.owner != zone.origin:
        return False
    if one.action is Action.DELETE_RRSET:
        return True
    if one.action is Action.DELETE_RECORD:
        servers = {compared(NS, server.name.wire) for server in zone.nameservers}
        return servers == {one.data} or one.data not in servers
    return False


def _is_beside_cname(edited: Edited, view: View, zone: Zone, one: Instruction) -> bool:
    """Return whether a CNAME record would be beside others; such an addition is ignored.

    It is not if the configuration hides that CNAME record: nobody sees it, so the addition is
    judged with the rest.  RFC 2136 section 3.4.2.2.
    """
    if one.action is not Action.ADD:
        return False
    stored, configured = edited.types(one.owner), configured_types(zone, one.owner)
    if one.rtype == CNAME:
        return not stored | configured <= _BESIDE_CNAME or _has_challenge(view, one.owner)
    has_cname = CNAME in (configured or stored)
    return has_cname and one.rtype not in _BESIDE_CNAME


def _has_challenge(view: View, owner: DomainName) -> bool:
    """Return whether the server has a challenge of its own at a name."""
    if next(owner.labels(), b"") != CHALLENGE_LABEL.encode():
        return False
    return any(owner == one.owner for order in view.orders() for one in order.challenges)


def _is_challenge(owner: DomainName, one: Instruction) -> bool:
    """Return whether an instruction is about challenges, which stand beside those of the server."""
    return one.rtype == TXT and next(owner.labels(), b"") == CHALLENGE_LABEL.encode()


def _in_words(one: Instruction) -> str:
    rtype = f" {type_name(one.rtype)}" if one.rtype else ""
    return f"{one.action.value} {one.owner}{rtype}"


DECISIONS = (row(UpdateZone, update_zone),)
"""The commands that this module decides on."""
