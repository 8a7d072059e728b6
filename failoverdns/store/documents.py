"""Entities and changes as JSON documents, a format that later versions of the program can read.

Reading is strict: a document that differs from what was written raises Corrupt, because a guess
would be served.  Golden files in the tests hold every format that was ever written.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from failoverdns.model.change import Change, HistoryEntry, Operation, Write
from failoverdns.model.entity import Entity, Identity
from failoverdns.model.errors import Corrupt
from failoverdns.model.names import DomainName
from failoverdns.model.principal import read_who
from failoverdns.store.entity_documents import KINDS
from failoverdns.store.health_documents import Document
from failoverdns.store.patches import Difference, apply, difference, inverted

__all__ = [
    "Document",
    "bundle_of",
    "key_of",
    "read_entity",
    "read_entry",
    "read_operation",
    "redone",
    "undone",
    "write_change",
    "write_entity",
    "write_operation",
]

Side = tuple[str, Document | None, Document | None]
"""An entity's key, and its document before and after a write; None for one that is not there."""


class _Patch(NamedTuple):
    """A write as it is stored: the difference of both documents, or (old rows) both of them."""

    key: str
    before: Document | None = None
    after: Document | None = None
    difference: Difference | None = None


_READERS = {kind.word: kind.read for kind in KINDS.values()}
_NEEDED = {kind: how.bundle for kind, how in KINDS.items() if how.bundle is not None}


def key_of(entity: Entity) -> str:
    """Return the key that an entity is stored under: its kind and identity."""
    return f"{KINDS[type(entity)].word}/{_identity_text(entity.identity)}"


def bundle_of(entity: Entity | None) -> str | None:
    """Return the id of the bundle in the vault that an entity needs; None if it needs none."""
    if entity is None or (needed := _NEEDED.get(type(entity))) is None:
        return None
    return needed(entity)


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
    """Return the document of a change: of entities that changed, it has only what differs."""
    return {
        "revision": change.revision,
        "time": change.time,
        "who": change.principal.who,
        "command": dict(change.command),
        "changed": [dict(part) for part in change.changed],
        "subjects": list(change.subjects),
        "patches": [_write_patch(write) for write in change.writes],
    }


def read_entry(document: Document) -> HistoryEntry:
    """Return what history shows of the change that a document holds; raises Corrupt."""
    try:
        if "patches" not in document and "writes" not in document:
            raise KeyError("patches")
        return HistoryEntry(
            revision=document["revision"],
            time=document["time"],
            principal=read_who(document["who"]),
            command=document["command"],
            changed=tuple(document["changed"]),
            subjects=tuple(document["subjects"]),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise Corrupt(f"not a change of this version ({fault!r})") from None


def redone(
    change: Document, current: Callable[[str], Document | None]
) -> dict[str, Document | None]:
    """Return the documents that a change left of the entities that it wrote, by key.

    `current` returns the document of an entity (by key) before the change.  Raises Corrupt.
    """
    found: dict[str, Document | None] = {}
    for patch in _patches(change):
        after = patch.after
        if patch.difference is not None:
            before = found[patch.key] if patch.key in found else current(patch.key)
            after = apply(_present(patch.key, before), patch.difference)
        found[patch.key] = after
    return found


def undone(change: Document, current: Callable[[str], Document | None]) -> list[Side]:
    """Return the documents, before and after each write of a change, in the order of the writes.

    `current` returns the document of an entity (by key) after the change.  Raises Corrupt.
    """
    known: dict[str, Document | None] = {}
    found: list[Side] = []
    for patch in reversed(_patches(change)):
        after = known[patch.key] if patch.key in known else current(patch.key)
        before = patch.before
        if patch.difference is not None:
            before = apply(_present(patch.key, after), inverted(patch.difference))
        else:
            after = patch.after
        known[patch.key] = before
        found.append((patch.key, before, after))
    return found[::-1]


def write_operation(operation: Operation) -> Document:
    """Return the document of an operation."""
    document: Document = {
        "op_id": operation.op_id,
        "request": operation.request,
        "revision": operation.revision,
        "result": dict(operation.result),
    }
    return {**document, "principal": operation.principal} if operation.principal else document


def read_operation(document: Document) -> Operation:
    """Return the operation that a document holds; raises Corrupt."""
    try:
        return Operation(**document)
    except TypeError as fault:
        raise Corrupt(f"not an operation of this version ({fault!r})") from None


def _write_patch(write: Write) -> Document:
    before, after = write.before, write.after
    entity = after if after is not None else before
    if entity is None:
        raise ValueError("a write needs an entity")
    patch: Document = {"key": key_of(entity)}
    if before is None:
        return {**patch, "after": write_entity(entity)}
    if after is None:
        return {**patch, "before": write_entity(entity)}
    return {**patch, "difference": difference(write_entity(before), write_entity(after))}


def _patches(change: Document) -> list[_Patch]:
    """Return the writes of a change; before schema 5 they had both documents as they were."""
    try:
        if "patches" in change:
            return [_Patch(**patch) for patch in change["patches"]]
        return [
            _Patch(
                key_of(read_entity(before if after is None else after)),
                _as_written_now(before),
                _as_written_now(after),
            )
            for before, after in change["writes"]
        ]
    except (KeyError, TypeError, ValueError) as fault:
        raise Corrupt(f"not a change of this version ({fault!r})") from None


def _as_written_now(document: Document | None) -> Document | None:
    """Return a document of an older version in the form that later differences are from."""
    return write_entity(read_entity(document)) if document is not None else None


def _present(key: str, document: Document | None) -> Document:
    if document is None:
        raise Corrupt(f"{key} was changed, but there is no document of it")
    return document


def _identity_text(identity: Identity) -> str:
    if isinstance(identity, tuple):
        return "/".join(map(_identity_text, identity))
    return identity.to_text() if isinstance(identity, DomainName) else identity
