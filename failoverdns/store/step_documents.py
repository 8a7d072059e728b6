"""Unrecorded steps as texts, which answering processes keep for a control process that dies.

Unlike the history, a text has each entity whole, because the step may be laid over another state.
"""

from __future__ import annotations

import json

from failoverdns.model.change import Change, Write
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.model.principal import read_who
from failoverdns.store.documents import Document, read_entity, write_entity


def write_step(step: Change) -> str:
    """Return the text of a step."""
    document: Document = {
        "revision": step.revision,
        "time": step.time,
        "who": step.principal.who,
        "command": dict(step.command),
        "changed": [dict(part) for part in step.changed],
        "subjects": list(step.subjects),
        "writes": [[_written(write.before), _written(write.after)] for write in step.writes],
    }
    return json.dumps(document, separators=(",", ":"))


def read_step(text: str) -> Change:
    """Return the step that a text holds; raises Corrupt."""
    try:
        document = json.loads(text)
        return Change(
            revision=document["revision"],
            time=document["time"],
            principal=read_who(document["who"]),
            command=document["command"],
            changed=tuple(document["changed"]),
            subjects=tuple(document["subjects"]),
            writes=tuple(
                Write(_entity(before), _entity(after)) for before, after in document["writes"]
            ),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise Corrupt(f"not a step of this version ({fault!r})") from None


def _written(entity: Entity | None) -> Document | None:
    return write_entity(entity) if entity is not None else None


def _entity(document: Document | None) -> Entity | None:
    return read_entity(document) if document is not None else None
