"""Entities and changes as JSON documents: the format that outlives a version of the program.

Reading is strict: a document that is not exactly what was written raises Corrupt, because a
guess would be served.  Golden files in the tests hold every format that was ever written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from operator import itemgetter
from socket import AF_INET, AF_INET6, inet_pton
from sys import intern
from typing import Any

from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.certificate import (
    Account,
    Certificate,
    CertificateKind,
    Challenge,
    Facts,
    Order,
)
from failoverdns.model.change import Change, Entity, Operation, Who, Write
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Group, Side, Tombstone
from failoverdns.model.names import DomainName
from failoverdns.model.policy import NO_AUTOMATION, Flag
from failoverdns.model.resolution import Freshness, Resolved
from failoverdns.model.zone import ZoneSerial
from failoverdns.store.health_documents import (
    APPLICATION_FIELDS,
    read_application_health,
    read_automation,
    read_flag,
    read_forced,
    read_observed,
    write_application_health,
    write_automation,
    write_flag,
    write_head_health,
)

Document = dict[str, Any]


def key_of(entity: Entity) -> str:
    """Return the key that an entity is stored under: its kind and identity."""
    match entity:
        case Application(id=id_):
            return f"application/{id_}"
        case Group(id=id_):
            return f"group/{id_}"
        case Tombstone(zone=zone, label=label):
            return f"tombstone/{zone.to_text()}/{label}"
        case ZoneSerial(origin=origin):
            return f"zone/{origin.to_text()}"
        case Certificate(application=application):
            return f"certificate/{application}"
        case Order(id=id_):
            return f"order/{id_}"
        case Account(directory=directory):
            return f"account/{directory}"
        case Resolved(hostname=hostname):
            return f"resolved/{hostname.to_text()}"
        case Flag(name=name):
            return f"flag/{name}"
        case Freshness():
            raise AssertionError("what is fleeting is not stored")


def bundle_of(entity: Entity | None) -> str | None:
    """Return the id of the bundle in the vault that an entity needs."""
    match entity:
        case Certificate(facts=facts):
            return facts.bundle
        case Order(key=key) | Account(key=key):
            return key
    return None


def write_entity(entity: Entity) -> Document:
    """Return the document of an entity."""
    match entity:
        case Application():
            return {
                "kind": "application",
                "id": entity.id,
                "name": entity.name,
                "hostname_template": entity.hostname_template,
                "heads": [
                    {
                        "name": head.name,
                        "role": head.role.value,
                        "addresses": [str(address) for address in head.addresses],
                        "hostname": head.hostname,
                        **write_head_health(head),
                    }
                    for head in entity.heads
                ],
                "active": entity.active,
                **write_application_health(entity),
            }
        case Group():
            return {
                "kind": "group",
                "id": entity.id,
                "name": entity.name,
                "zone": entity.zone.to_text(),
                "label": entity.label,
                "primary": entity.primary,
                "backup": entity.backup,
                "active": entity.active.value,
                "ttl": entity.ttl,
                "revision": entity.revision,
                "cached_until": entity.cached_until,
                "drained_at": entity.drained_at,
                **({"flatten": True} if entity.flatten else {}),
                **write_automation(entity.automation),
            }
        case Tombstone():
            return {
                "kind": "tombstone",
                "zone": entity.zone.to_text(),
                "label": entity.label,
                "group": entity.group,
            }
        case ZoneSerial():
            return {
                "kind": "zone",
                "origin": entity.origin.to_text(),
                "serial": entity.serial,
                "digest": entity.digest,
            }
        case Certificate():
            return {
                "kind": "certificate",
                "application": entity.application,
                "origin": entity.kind.value,
                "facts": asdict(entity.facts) | {"names": list(entity.facts.names)},
                "installed_at": entity.installed_at,
                "source": entity.source,
            }
        case Order():
            challenges = [[c.owner.to_text(), c.value] for c in entity.challenges]
            return {
                "kind": "order",
                **_fields(entity),
                "names": list(entity.names),
                "challenges": challenges,
            }
        case Account():
            return {"kind": "account", **_fields(entity)}
        case Resolved():
            return {
                "kind": "resolved",
                "hostname": entity.hostname.to_text(),
                "ipv4": [str(address) for address in entity.ipv4],
                "ipv6": [str(address) for address in entity.ipv6],
                "since": entity.since,
            }
        case Flag():
            return write_flag(entity)
        case Freshness():
            raise AssertionError("what is fleeting is not stored")


def read_entity(document: Document) -> Entity:
    """Return the entity that a document holds; raises Corrupt."""
    try:
        return _READERS[document["kind"]](document)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        text = json.dumps(document)[:200]
        raise Corrupt(f"not an entity of this version ({fault!r}): {text}") from None


def write_change(change: Change) -> Document:
    """Return the document of a change."""
    return {
        "revision": change.revision,
        "time": change.time,
        "who": {"uid": change.who.uid, "pid": change.who.pid, "command": change.who.command},
        "command": dict(change.command),
        "changed": [dict(part) for part in change.changed],
        "subjects": list(change.subjects),
        "writes": [[_optional(w.before), _optional(w.after)] for w in change.writes],
    }


def read_change(document: Document) -> Change:
    """Return the change that a document holds; raises Corrupt."""
    try:
        return Change(
            revision=document["revision"],
            time=document["time"],
            who=Who(**document["who"]),
            command=document["command"],
            changed=tuple(document["changed"]),
            subjects=tuple(document["subjects"]),
            writes=tuple(
                Write(*(read_entity(side) if side is not None else None for side in pair))
                for pair in document["writes"]
            ),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise Corrupt(f"not a change of this version ({fault!r})") from None


def write_operation(operation: Operation) -> Document:
    """Return the document of an operation."""
    return {
        "op_id": operation.op_id,
        "request": operation.request,
        "revision": operation.revision,
        "result": dict(operation.result),
    }


def read_operation(document: Document) -> Operation:
    """Return the operation that a document holds; raises Corrupt."""
    try:
        return Operation(**document)
    except TypeError as fault:
        raise Corrupt(f"not an operation of this version ({fault!r})") from None


def _optional(entity: Entity | None) -> Document | None:
    return write_entity(entity) if entity is not None else None


def _values(kind: type, optional: tuple[str, ...] = ()) -> Callable[[Document], tuple[Any, ...]]:
    """Return a function that returns the fields of a document, but for `optional` ones, in order.

    The function raises KeyError or TypeError for a document with other fields.  Entities of which
    there are many are made of these values by position: by name takes 1.5 us longer, of 9 us.
    """
    names = [field.name for field in dataclass_fields(kind) if field.name not in optional]
    get, size = itemgetter(*names), 1 + len(names)

    def values(document: Document) -> tuple[Any, ...]:
        found: tuple[Any, ...] = get(document)
        if len(document) > size and document.keys() - {"kind", *names, *optional}:
            raise TypeError("a field that is not known")
        return found

    return values


_application_values = _values(Application, optional=APPLICATION_FIELDS)
_group_values = _values(Group, optional=("flatten", "automation"))
_HEAD_FIELDS = 4
"""Fields of a head that is neither observed nor forced."""


def _read_application(document: Document) -> Application:
    id_, name, template, heads, active = _application_values(document)
    return Application(
        intern(id_),
        name,
        template,
        tuple([_read_head(head) for head in heads]),
        _shared(active),
        *read_application_health(document),
    )


def _read_head(document: Document) -> Head:
    head = _head(document["name"], document["role"], document["hostname"], *document["addresses"])
    if len(document) == _HEAD_FIELDS:
        return head
    if document.keys() - {"name", "role", "hostname", "addresses", "observed", "forced"}:
        raise TypeError("a field that is not known")
    observed, forced = document.get("observed"), document.get("forced")
    return replace(head, observed=read_observed(observed), forced=read_forced(forced))


@lru_cache(maxsize=1024)
def _head(name: str, role: str, hostname: str | None, *addresses: str) -> Head:
    """Return a head: the same object for applications that have it in common."""
    return Head(intern(name), HeadRole(role), tuple(map(_address, addresses)), hostname)


def _address(text: str) -> IPv4Address | IPv6Address:
    """Return an address; `ip_address` takes six times as long (5 us for IPv6)."""
    try:
        if ":" in text:
            return IPv6Address(inet_pton(AF_INET6, text))
        return IPv4Address(inet_pton(AF_INET, text))
    except OSError:  # with a scope, or none
        return ip_address(text)


def _shared(text: str | None) -> str | None:
    """Return an equal text, the same object for all that name the same thing."""
    return intern(text) if text is not None else None


@lru_cache(maxsize=64)
def _zone_name(text: str) -> DomainName:
    """Return a zone's name: the same object for all groups in it."""
    return DomainName.from_text(text)


def _read_group(document: Document) -> Group:
    id_, name, zone, label, primary, backup, active, ttl, revision, cached, drained = _group_values(
        document
    )
    return Group(
        id_,
        name,
        _zone_name(zone),
        label,
        _shared(primary),
        _shared(backup),
        _SIDES[active],
        ttl,
        revision,
        cached or 0.0,  # the same object for nearly all
        drained,
        document.get("flatten", False),
        read_automation(document["automation"]) if "automation" in document else NO_AUTOMATION,
    )


_SIDES = {side.value: side for side in Side}


def _read_tombstone(document: Document) -> Tombstone:
    fields = _but_kind(document)
    return Tombstone(**fields | {"zone": _zone_name(fields["zone"])})


def _read_zone(document: Document) -> ZoneSerial:
    fields = _but_kind(document)
    return ZoneSerial(**fields | {"origin": DomainName.from_text(fields["origin"])})


def _read_certificate(document: Document) -> Certificate:
    fields = _but_kind(document)
    facts = fields.pop("facts")
    return Certificate(
        kind=CertificateKind(fields.pop("origin")),
        facts=Facts(**facts | {"names": tuple(facts["names"])}),
        **fields,
    )


def _read_order(document: Document) -> Order:
    fields = _but_kind(document)
    challenges = tuple(
        Challenge(DomainName.from_text(owner), value) for owner, value in fields["challenges"]
    )
    return Order(**fields | {"names": tuple(fields["names"]), "challenges": challenges})


def _read_account(document: Document) -> Account:
    fields = _but_kind(document)
    return Account(**fields)


def _read_resolved(document: Document) -> Resolved:
    fields = _but_kind(document)
    return Resolved(
        hostname=DomainName.from_text(fields.pop("hostname")),
        ipv4=tuple(map(IPv4Address, fields.pop("ipv4"))),
        ipv6=tuple(map(IPv6Address, fields.pop("ipv6"))),
        **fields,
    )


def _but_kind(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "kind"}


def _fields(entity: Order | Account) -> Document:
    found = {field.name: getattr(entity, field.name) for field in dataclass_fields(entity)}
    return {name: value for name, value in found.items() if value or name not in _ADDED}


_ADDED = ("account", "not_before")
"""Fields of orders that came after schema 2: left out where they say nothing."""

_READERS: dict[str, Callable[[Document], Entity]] = {
    "application": _read_application,
    "group": _read_group,
    "tombstone": _read_tombstone,
    "zone": _read_zone,
    "certificate": _read_certificate,
    "order": _read_order,
    "account": _read_account,
    "resolved": _read_resolved,
    "flag": read_flag,
}
