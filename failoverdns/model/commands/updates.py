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
