"""Entities, the parts of the server's state: at most one of each kind with each identity.

A kind of entity is a frozen value that inherits from `Entity` and returns its own identity.
Three more rows complete a new kind: its document in `store.entity_documents`, its description for
history in `rules.reports.changes_in_words`, and, if DNS answers depend on it, the names that it
affects in `rules.derived.affected_names`.  The state and its drafts need no change for a new kind.
"""

from __future__ import annotations

from typing import ClassVar

from failoverdns.model.names import DomainName

Identity = str | DomainName | tuple[str | DomainName, ...]
"""A value that distinguishes an entity from the others of its kind, and never changes."""


class Entity:
    """A value of the state: created, replaced and removed by changes."""

    __slots__ = ()

    IS_STORED: ClassVar[bool] = True
    """False for a kind that is lost at a restart and not mentioned in the history."""

    @property
    def identity(self) -> Identity:
        """Return the identity of this entity, which no other entity of its kind has."""
        raise NotImplementedError
