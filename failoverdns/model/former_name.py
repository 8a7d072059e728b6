"""The names that applications had, and that no application has now."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.entity import Entity


@dataclass(frozen=True, slots=True)
class FormerName(Entity):
    """A name of a removed or renamed application, until an application gets it again.

    Scripts may still ask for `_status.<name>`, so no wildcard answers there.
    """

    name: str

    @property
    def identity(self) -> str:
        """The name."""
        return self.name
