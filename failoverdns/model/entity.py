"""What the state consists of: entities, at most one of each kind under each identity.

A kind of entity is a frozen value that inherits from `Entity` and returns its own identity.
Three more rows make it whole: its document in `store.entity_documents`, its words for history in
`rules.reports.changes_in_words`, and, where it decides what DNS answers, what it touches in
`rules.derived.affected_names`.  The state and its drafts hold every kind without being told.
"""

from __future__ import annotations

from typing import ClassVar

from failoverdns.model.names import DomainName

Identity = str | DomainName | tuple[str | DomainName, ...]
"""What distinguishes an entity from the others of its kind, and never changes."""


class Entity:
    """A value of the state: created, replaced and removed by changes."""

    __slots__ = ()

    IS_STORED: ClassVar[bool] = True
    """False for what a restart forgets, and history does not mention."""

    @property
    def identity(self) -> Identity:
        """Return what distinguishes this entity from the others of its kind."""
        raise NotImplementedError
