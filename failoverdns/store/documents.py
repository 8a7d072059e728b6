"""Entities and changes as JSON documents, a format that later versions of the program can read.

Reading is strict: a document that differs from what was written raises Corrupt, because a guess
would be served.  Golden files in the tests hold every format that was ever written.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from failoverdns.model.change import Change, Operation, Write
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.errors import Corrupt
from failoverdns.model.names import DomainName
from failoverdns.model.principal import unix_principal
from failoverdns.store.entity_documents import KINDS
from failoverdns.store.health_documents import Document

__all__ = [
    "Document",
    "bundle_of",
    "key_of",
    "read_change",
    "read_entity",
    "read_operation",
    "write_change",
    "write_entity",
    "write_operation",
]

_READERS = {kind.word: kind.read for kind in KINDS.values()}


def key_of(entity: Entity) -> str:
    """Return the key that an entity is stored under: its kind and identity."""
    return f"{KINDS[type(entity)].word}/{_identity_text(entity.identity)}"


def bundle_of(entity: Entity | None) -> str | None:
    """Return the id of the bundle in the vault that an entity needs; None if it needs none."""
    return KINDS[type(entity)].bundle(entity) if entity is not None else None


def write_entity(entity: Entity) -> Document:
    """Return the document of an entity."""
    kind = KINDS[type(entity)]
    return {"kind": kind.word, **kind.write(entity)}


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
        "who": asdict(change.principal.detail),
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
            principal=unix_principal(**document["who"]),
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


def _identity_text(identity: Identity) -> str:
    if isinstance(identity, tuple):
        return "/".join(map(_identity_text, identity))
    return identity.to_text() if isinstance(identity, DomainName) else identity
