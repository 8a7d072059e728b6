"""The command of a dynamic update, which only a verified UPDATE message gives."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import Mutation
from failoverdns.model.names import DomainName
from failoverdns.model.zone_update import ZoneUpdate


@dataclass(frozen=True, slots=True)
class UpdateZone(Mutation):
    """An UPDATE message (RFC 2136) that was signed with the TSIG key of this name."""

    key: DomainName
    update: ZoneUpdate

    @property
    def is_patient(self) -> bool:
        """True: programs send updates, many at a time, and people switch."""
        return True

    @property
    def work(self) -> int:
        """The number of its records, because each is judged."""
        return max(1, len(self.update.prerequisites) + len(self.update.instructions))
