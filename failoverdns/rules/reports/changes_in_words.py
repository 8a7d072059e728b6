"""What a change did, in old and new values, for history and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from failoverdns.model.application import Application, ApplicationRole, Head
from failoverdns.model.certificate import Account, Certificate, Order
from failoverdns.model.change import Entity, Json, Write
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.policy import Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.timestamps import timestamp
from failoverdns.model.zone import ZoneSerial
from failoverdns.rules.derived.serving import application_role
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.health_reports import automation_fields, health_fields


def recount(view: View, writes: Iterable[Write]) -> tuple[dict[str, Json], ...]:
    """Return a part for each entity that was created, removed or changed.

    `view` is the state after the writes.
    A part has `kind`, `name` and `fields`, each field's old and new value; and `id`, for what has
    one: names may be others by the time that somebody reads it.  Certificates and orders have
    name and id of their application.
    """
    parts: list[dict[str, Json]] = []
    for write in writes:
        entity = write.after if write.after is not None else write.before
        if isinstance(entity, Tombstone | Freshness) or entity is None:
            continue
        kind, name = _title(view, entity)
        old = _fields(view, write.before)
        new = _fields(view, write.after)
        fields: dict[str, Json] = {
            key: [old.get(key), new.get(key)]
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        }
        done = "created" if write.before is None else "removed" if write.after is None else None
        if done is not None or fields:
            known = {"kind": kind, "name": name, **_id(entity), "done": done or "changed"}
            parts.append({**known, "fields": fields})
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
    """Return a part of kind `role` for each application whose role is another one by now.

    `before` is what `roles` returned; `view` is the state after the writes.
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
                **_id(application),
            }
            parts.append({**known, "fields": fields})
    return tuple(parts)


def subjects(writes: Iterable[Write]) -> tuple[str, ...]:
    """Return the ids, and the names of groups, under which history finds a change again."""
    found: dict[str, None] = {}
    for write in writes:
        for entity in (write.before, write.after):
            match entity:
                case Application(id=id_):
                    found[id_] = None
                case Group(id=id_, name=name):
                    found[id_] = None
                    found[group_subject(name)] = None
                case Certificate(application=id_) | Order(application=id_):
                    found[id_] = None
    return tuple(found)


def group_subject(name: str) -> str:
    """Return the subject that stands for whatever group had this name."""
    return f"group:{name}"


def _id(entity: Entity) -> dict[str, str]:
    match entity:
        case Application(id=id_) | Group(id=id_):
            return {"id": id_}
        case Certificate(application=id_) | Order(application=id_):
            return {"id": id_}
    return {}


def _title(view: View, entity: Entity) -> tuple[str, str]:
    match entity:
        case Application(name=name):
            return "application", name
        case Group(name=name):
            return "group", name
        case ZoneSerial(origin=origin):
            return "zone", origin.to_text()
        case Tombstone(label=label):
            return "tombstone", label
        case Certificate(application=id_):
            return "certificate", _application_name(view, id_) or id_
        case Order(application=id_):
            return "order", _application_name(view, id_) or id_
        case Account(directory=directory):
            return "account", directory
        case Resolved(hostname=hostname) | Freshness(hostname=hostname):
            return "hostname", hostname.to_text()
        case Flag(name=name):
            return "flag", name


def _fields(view: View, entity: Entity | None) -> dict[str, Json]:
    match entity:
        case Application():
            return {
                "name": entity.name,
                "hostname_template": entity.hostname_template,
                "heads": [_head_text(head) for head in entity.heads],
                "active_head": entity.active,
                **health_fields(entity),
            }
        case Group():
            return {
                "name": entity.name,
                "hostname": entity.hostname.to_text(),
                "primary": _application_name(view, entity.primary),
                "backup": _application_name(view, entity.backup),
                "active": entity.active.value,
                "ttl": entity.ttl,
                "flatten": entity.flatten or None,
                **automation_fields(entity),
            }
        case Flag():
            return {"on": entity.on, "reason": entity.reason}
        case Resolved():
            return {"addresses": [str(a) for a in (*entity.ipv4, *entity.ipv6)]}
        case ZoneSerial():
            return {"configuration": entity.digest}
        case Certificate(facts=facts):
            return {
                "fingerprint": facts.fingerprint,
                "names": list(facts.names),
                "kind": entity.kind.value,
                "not_after": timestamp(facts.not_after),
                "transferred_from": _application_name(view, entity.source),
            }
        case Order():
            return {
                "application": _application_name(view, entity.application),
                "names": list(entity.names),
                "url": entity.url,
                "challenges": [f"{c.owner} {c.value}" for c in entity.challenges],
                "problem": entity.problem,
            }
        case Account():
            return {"uri": entity.uri}
    return {}


def _application_name(view: View, id_: str | None) -> str | None:
    application = view.application(id_) if id_ is not None else None
    return application.name if application is not None else id_


def _head_text(head: Head) -> str:
    where = [str(address) for address in head.addresses] or [head.hostname or "template"]
    return " ".join((head.name, head.role.value, *where))
