"""Descriptions of changes for history and events, as old and new values of fields.

`WORDS` has a row for each kind of entity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from failoverdns.model.application import Application, ApplicationRole, Head
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.change import Json, Write
from failoverdns.model.entity import Entity
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.policy import Flag
from failoverdns.model.record_text import record_text
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.timestamps import timestamp
from failoverdns.model.token import Token
from failoverdns.model.zone import ZoneSerial
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.health_reports import automation_fields, health_fields
from failoverdns.rules.reports.token_reports import head_text


def recount(view: View, writes: Iterable[Write]) -> tuple[dict[str, Json], ...]:
    """Return a description of each entity that was created, removed or changed.

    `view` is the state after the writes.
    A description has `kind`, `name`, `done` (`created`, `removed` or `changed`) and `fields`, with
    each changed field's old and new value.  It has `id` for a kind with ids, because the name may
    change later.  Certificates and orders have name and id of their application.
    """
    parts: list[dict[str, Json]] = []
    for write in writes:
        entity = write.after if write.after is not None else write.before
        words = WORDS[type(entity)] if entity is not None else None
        if entity is None or words is None:
            continue
        old = words.fields(view, write.before) if write.before is not None else {}
        new = words.fields(view, write.after) if write.after is not None else {}
        fields: dict[str, Json] = {
            key: [old.get(key), new.get(key)]
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        }
        done = "created" if write.before is None else "removed" if write.after is None else None
        if done is not None or fields:
            id_ = {"id": words.id(entity)} if words.id is not None else {}
            known = {"kind": words.kind, "name": words.name(view, entity), **id_}
            parts.append({**known, "done": done or "changed", "fields": fields})
    return tuple(parts)


def roles(view: View, writes: Iterable[Write]) -> dict[str, ApplicationRole]:
    """Return the roles, before the writes, of the applications (by id) whose role may change."""
    found: dict[str, ApplicationRole] = {}
    for write in writes:
        for entity in (write.before, write.after):
            for id_ in entity.applications if isinstance(entity, Group) else ():
                application = view.application(id_)
                if application is not None:
                    found[id_] = application_role(view, application)
    return found


def recount_roles(view: View, before: Mapping[str, ApplicationRole]) -> tuple[dict[str, Json], ...]:
    """Return a description, of kind `role`, for each application whose role has changed.

    `before` are the roles that `roles` returned; `view` is the state after the writes.
    """
    parts: list[dict[str, Json]] = []
    for id_, old in before.items():
        application = view.application(id_)
        if application is not None and (new := application_role(view, application)) is not old:
            fields: dict[str, Json] = {"role": [old.value, new.value]}
            known = {
                "kind": "role",
                "name": application.name,
                "done": "changed",
                "id": application.id,
            }
            parts.append({**known, "fields": fields})
    return tuple(parts)


def subjects(writes: Iterable[Write]) -> tuple[str, ...]:
    """Return the ids and group names by which the history can be searched for a change."""
    found: dict[str, None] = {}
    for write in writes:
        for entity in (write.before, write.after):
            words = WORDS[type(entity)] if entity is not None else None
            if words is not None and words.id is not None:
                found[words.id(entity)] = None
            if isinstance(entity, Group):
                found[group_subject(entity.name)] = None
    return tuple(found)


def group_subject(name: str) -> str:
    """Return the subject for all groups that ever had this name."""
    return f"group:{name}"


@dataclass(frozen=True, slots=True)
class Words:
    """The words for a kind of entity in the history: its kind, name and fields.

    `id` returns the id by which the history can be searched for the entity's changes: its own, or
    that of its application.
    """

    kind: str
    name: Callable[[View, Any], str]
    fields: Callable[[View, Any], dict[str, Json]]
    id: Callable[[Any], str] | None = None


def _application_fields(_: View, application: Application) -> dict[str, Json]:
    return {
        "name": application.name,
        "hostname_template": application.hostname_template,
        "heads": [_head_text(head) for head in application.heads],
        "active_head": application.active,
        **health_fields(application),
    }


def _group_fields(view: View, group: Group) -> dict[str, Json]:
    return {
        "name": group.name,
        "hostname": group.hostname.to_text(),
        "primary": _application_name(view, group.primary),
        "backup": _application_name(view, group.backup),
        "active": group.active.value,
        "ttl": group.ttl,
        "flatten": group.flatten or None,
        **automation_fields(group),
    }


def _certificate_fields(view: View, certificate: Certificate) -> dict[str, Json]:
    facts = certificate.facts
    return {
        "fingerprint": facts.fingerprint,
        "names": list(facts.names),
        "kind": certificate.kind.value,
        "not_after": timestamp(facts.not_after),
        "transferred_from": _application_name(view, certificate.source),
    }


def _order_fields(view: View, order: Order) -> dict[str, Json]:
    return {
        "application": _application_name(view, order.application),
        "names": list(order.names),
        "url": order.url,
        "challenges": [f"{c.owner} {c.value}" for c in order.challenges],
        "problem": order.problem,
    }


def _resolved_fields(_: View, resolved: Resolved) -> dict[str, Json]:
    return {"addresses": [str(address) for address in (*resolved.ipv4, *resolved.ipv6)]}


def _behind_fields(_: View, behind: BehindSecondary) -> dict[str, Json]:
    return {
        "zone": behind.zone.to_text(),
        "since": timestamp(behind.since),
        "problem": behind.problem,
    }


def _record_fields(_: View, records: StoredRecords) -> dict[str, Json]:
    """Return the TTL of each record by its type and data: what a change left has no part in it."""
    return {
        record_text(rrset.rtype, data): rrset.ttl for rrset in records.rrsets for data in rrset.data
    }


def _token_fields(view: View, token: Token) -> dict[str, Json]:
    """Return what a token may do, and until when; not its check value."""
    head = token.head
    return {
        "role": token.role.value if token.role is not None else None,
        "groups": list(token.groups) if token.groups is not None else None,
        "head": head_text(view, head) if head is not None else None,
        "usable": False if head is not None and head.is_removed else None,
        "expires": timestamp(token.expires),
    }


def _of_application(view: View, entity: Certificate | Order) -> str:
    return _application_name(view, entity.application) or entity.application


def _application_name(view: View, id_: str | None) -> str | None:
    application = view.application(id_) if id_ is not None else None
    return application.name if application is not None else id_


def _head_text(head: Head) -> str:
    where = [str(address) for address in head.addresses] or [head.hostname or "template"]
    return " ".join((head.name, head.role.value, *where))


WORDS: Mapping[type[Entity], Words | None] = {
    Application: Words("application", lambda _, e: e.name, _application_fields, lambda e: e.id),
    Group: Words("group", lambda _, e: e.name, _group_fields, lambda e: e.id),
    Certificate: Words(
        "certificate", _of_application, _certificate_fields, lambda e: e.application
    ),
    Order: Words("order", _of_application, _order_fields, lambda e: e.application),
    Account: Words("account", lambda _, e: e.directory, lambda _, e: {"uri": e.uri}),
    Resolved: Words("hostname", lambda _, e: e.hostname.to_text(), _resolved_fields),
    StoredRecords: Words("records", lambda _, e: e.owner.to_text(), _record_fields),
    Flag: Words("flag", lambda _, e: e.name, lambda _, e: {"on": e.on, "reason": e.reason}),
    HistoryCut: Words(
        "history",
        lambda _, e: "cut",
        lambda _, e: {"revision": e.revision, "hash": e.hash, "checkpoint": e.checkpoint},
    ),
    BehindSecondary: Words("secondary", lambda _, e: e.secondary, _behind_fields),
    ZoneSerial: Words(
        "zone", lambda _, e: e.origin.to_text(), lambda _, e: {"configuration": e.digest}
    ),
    Token: Words("token", lambda _, e: e.name, _token_fields, lambda e: e.id),
    Tombstone: None,
    FormerName: None,
    Freshness: None,
}
"""The words for each kind of entity; None for a kind that the history does not mention."""
