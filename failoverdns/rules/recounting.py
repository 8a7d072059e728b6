"""What a change did, in old and new values, for history and events."""

from __future__ import annotations

from collections.abc import Iterable

from failoverdns.model.application import Application, Head
from failoverdns.model.change import Entity, Json, Write
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.zone import ZoneSerial
from failoverdns.rules.view import View


def recount(view: View, writes: Iterable[Write]) -> tuple[dict[str, Json], ...]:
    """Return a part for each entity that was created, removed or changed.

    `view` is the state after the writes.
    A part has `kind`, `name` and, for a change, `fields`: each field's old and new value.
    """
    parts: list[dict[str, Json]] = []
    for write in writes:
        entity = write.after if write.after is not None else write.before
        if isinstance(entity, Tombstone) or entity is None:
            continue
        kind, name = _title(entity)
        old = _fields(view, write.before)
        new = _fields(view, write.after)
        fields: dict[str, Json] = {
            key: [old.get(key), new.get(key)]
            for key in {**old, **new}
            if old.get(key) != new.get(key)
        }
        done = "created" if write.before is None else "removed" if write.after is None else None
        if done is not None:
            parts.append({"kind": kind, "name": name, "done": done, "fields": fields})
        elif fields:
            parts.append({"kind": kind, "name": name, "done": "changed", "fields": fields})
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
    return tuple(found)


def group_subject(name: str) -> str:
    """Return the subject that stands for whatever group had this name."""
    return f"group:{name}"


def _title(entity: Entity) -> tuple[str, str]:
    match entity:
        case Application(name=name):
            return "application", name
        case Group(name=name):
            return "group", name
        case ZoneSerial(origin=origin):
            return "zone", origin.to_text()
        case Tombstone(label=label):
            return "tombstone", label


def _fields(view: View, entity: Entity | None) -> dict[str, Json]:
    match entity:
        case Application():
            return {
                "name": entity.name,
                "hostname_template": entity.hostname_template,
                "heads": [_head_text(head) for head in entity.heads],
                "active_head": entity.active,
            }
        case Group():
            return {
                "name": entity.name,
                "hostname": entity.hostname.to_text(),
                "primary": _application_name(view, entity.primary),
                "backup": _application_name(view, entity.backup),
                "active": entity.active.value,
                "ttl": entity.ttl,
            }
        case ZoneSerial():
            return {"configuration": entity.digest}
    return {}


def _application_name(view: View, id_: str | None) -> str | None:
    application = view.application(id_) if id_ is not None else None
    return application.name if application is not None else id_


def _head_text(head: Head) -> str:
    where = [str(address) for address in head.addresses] or [head.hostname or "template"]
    return " ".join((head.name, head.role.value, *where))
