"""Secondaries that are behind, as the state keeps them.

Which serial each secondary has at this moment is not state: the transfer process reports it.
"""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.entity import Entity
from failoverdns.model.names import DomainName


@dataclass(frozen=True, slots=True)
class BehindSecondary(Entity):
    """A secondary that has been behind in a zone for longer than the TTL of the zone.

    `secondary` is its name in the configuration, `since` (seconds since 1970) is when it fell
    behind, and `problem` says in words why it does not follow.
    """

    secondary: str
    zone: DomainName
    since: float
    problem: str

    @property
    def identity(self) -> tuple[str, DomainName]:
        """The secondary and the zone."""
        return self.secondary, self.zone
