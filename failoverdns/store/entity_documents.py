"""Each kind of entity as a JSON document; `KINDS` has a row for each kind.

A document is the kind's word and its fields.  Readers raise KeyError, TypeError, ValueError or
AttributeError for a document that is not exactly what was written; `store.documents` turns
these into Corrupt.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from failoverdns.model.application import Application
from failoverdns.model.certificate import (
    Account,
    Certificate,
    CertificateKind,
    Challenge,
    Facts,
    Order,
)
from failoverdns.model.entity import Entity
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Group, Tombstone
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Flag
from failoverdns.model.records import Opaque, RRset
from failoverdns.model.resolution import Resolved
from failoverdns.model.roles import Role
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.static_records import wire_rdata
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.token import Token, TokenHead
from failoverdns.model.zone import ZoneSerial
from failoverdns.store.group_documents import (
    read_application,
    read_group,
    write_application,
    write_group,
    zone_name,
)
from failoverdns.store.health_documents import Document, read_flag


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """How a kind of entity is stored: its word in documents and keys, its writer and its reader.

    `bundle` returns the id of the bundle in the vault that an entity needs, None for none; it is
    None itself for a kind that never needs one.
    """

    word: str
    write: Callable[[Any], Document]
    read: Callable[[Document], Entity]
    bundle: Callable[[Any], str | None] | None = None


def _write_tombstone(tombstone: Tombstone) -> Document:
    return {
        "zone": tombstone.zone.to_text(),
        "label": tombstone.label,
        "group": tombstone.group,
    }


def _write_zone(zone: ZoneSerial) -> Document:
    return {"origin": zone.origin.to_text(), "serial": zone.serial, "digest": zone.digest}


def _write_certificate(certificate: Certificate) -> Document:
    return {
        "application": certificate.application,
        "origin": certificate.kind.value,
        "facts": _write_facts(certificate.facts),
        "installed_at": certificate.installed_at,
        "source": certificate.source,
    }


def _write_facts(facts: Facts) -> Document:
    """Return the document of facts; without warnings it is the one that earlier versions wrote."""
    fields = asdict(facts) | {"names": list(facts.names), "warnings": list(facts.warnings)}
    if not facts.warnings:
        del fields["warnings"]
    return fields


def _write_order(order: Order) -> Document:
    return {
        **_fields(order),
        "names": list(order.names),
        "challenges": [[c.owner.to_text(), c.value] for c in order.challenges],
    }


def _write_resolved(resolved: Resolved) -> Document:
    return {
        "hostname": resolved.hostname.to_text(),
        "ipv4": [str(address) for address in resolved.ipv4],
        "ipv6": [str(address) for address in resolved.ipv6],
        "since": resolved.since,
    }


def _write_records(records: StoredRecords) -> Document:
    """Return the document of stored records: RRsets by type, RDATA in base64."""
    return {
        "zone": records.zone.to_text(),
        "owner": records.owner.to_text(),
        "rrsets": {
            str(rrset.rtype): {
                "ttl": rrset.ttl,
                "data": [b64encode(wire_rdata(rdata)).decode("ascii") for rdata in rrset.data],
            }
            for rrset in records.rrsets
        },
    }


def _read_tombstone(document: Document) -> Tombstone:
    fields = _but_kind(document)
    return Tombstone(**fields | {"zone": zone_name(fields["zone"])})


def _read_zone(document: Document) -> ZoneSerial:
    fields = _but_kind(document)
    return ZoneSerial(**fields | {"origin": DomainName.from_text(fields["origin"])})


def _read_certificate(document: Document) -> Certificate:
    fields = _but_kind(document)
    facts = fields.pop("facts")
    return Certificate(
        kind=CertificateKind(fields.pop("origin")),
        facts=Facts(**facts | {n: tuple(facts[n]) for n in ("names", "warnings") if n in facts}),
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


def _write_behind(behind: BehindSecondary) -> Document:
    return {**asdict(behind), "zone": behind.zone.to_text()}


def _read_behind(document: Document) -> BehindSecondary:
    fields = _but_kind(document)
    return BehindSecondary(**fields | {"zone": DomainName.from_text(fields["zone"])})


def _read_records(document: Document) -> StoredRecords:
    fields = _but_kind(document)
    zone, owner = zone_name(fields.pop("zone")), DomainName.from_text(fields.pop("owner"))
    rrsets = [_read_rrset(rtype, **rrset) for rtype, rrset in fields.pop("rrsets").items()]
    if fields or not rrsets or not owner.is_at_or_below(zone):
        raise ValueError("not the records of a name in a zone")
    return StoredRecords(zone, owner, tuple(rrsets))


def _write_token(token: Token) -> Document:
    return {
        **{name: value for name, value in asdict(token).items() if name != "head"},
        "role": token.role.value if token.role is not None else None,
        "groups": list(token.groups) if token.groups is not None else None,
        "head": asdict(token.head) if token.head is not None else None,
    }


def _read_token(document: Document) -> Token:
    fields = _but_kind(document)
    role, groups, head = fields["role"], fields["groups"], fields["head"]
    if len(bytes.fromhex(fields["check"])) != _DIGEST:
        raise ValueError("not a SHA-256")
    return Token(
        **fields
        | {
            "role": Role(role) if role is not None else None,
            "groups": tuple(groups) if groups is not None else None,
            "head": TokenHead(**head) if head is not None else None,
        }
    )


_DIGEST = 32
"""Bytes of a SHA-256."""


def _read_rrset(rtype: str, *, ttl: int, data: list[str]) -> RRset:
    if not data or not isinstance(ttl, int):
        raise ValueError("not an RRset")
    return RRset(int(rtype), ttl, tuple(Opaque(b64decode(one, validate=True)) for one in data))


def _but_kind(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "kind"}


def _fields(entity: Order | Account) -> Document:
    found = {field.name: getattr(entity, field.name) for field in dataclass_fields(entity)}
    return {name: value for name, value in found.items() if value or name not in _ADDED}


_ADDED = ("account", "not_before")
"""Fields of orders that came after schema 2; they are left out if empty."""


KINDS: Mapping[type[Entity], DocumentKind] = {
    Application: DocumentKind("application", write_application, read_application),
    Group: DocumentKind("group", write_group, read_group),
    Tombstone: DocumentKind("tombstone", _write_tombstone, _read_tombstone),
    FormerName: DocumentKind("former-name", asdict, lambda d: FormerName(**_but_kind(d))),
    ZoneSerial: DocumentKind("zone", _write_zone, _read_zone),
    Certificate: DocumentKind(
        "certificate", _write_certificate, _read_certificate, lambda e: e.facts.bundle
    ),
    Order: DocumentKind("order", _write_order, _read_order, lambda e: e.key),
    Account: DocumentKind("account", _fields, _read_account, lambda e: e.key),
    StoredRecords: DocumentKind("records", _write_records, _read_records),
    Resolved: DocumentKind("resolved", _write_resolved, _read_resolved),
    HistoryCut: DocumentKind("cut", asdict, lambda d: HistoryCut(**_but_kind(d))),
    Flag: DocumentKind("flag", asdict, read_flag),
    Token: DocumentKind("token", _write_token, _read_token),
    BehindSecondary: DocumentKind("behind-secondary", _write_behind, _read_behind),
}
"""A row for each kind of entity that is stored."""
