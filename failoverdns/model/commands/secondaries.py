"""Commands about zones at other name servers, the secondaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from failoverdns.model.commands.kinds import Action, Observation, ReadCommand
from failoverdns.model.names import DomainName
from failoverdns.model.secondaries import BehindSecondary

BEHIND: Final = "secondary-behind"
IN_STEP: Final = "secondary-in-step"
"""The words of the internal commands in the history, from which events are made."""


@dataclass(frozen=True, slots=True)
class NoteBehind(Observation):
    """Internal command: these secondaries have been behind for longer than the zone's TTL."""

    found: tuple[BehindSecondary, ...]


@dataclass(frozen=True, slots=True)
class NoteInStep(Observation):
    """Internal command: these secondaries, which were behind in a zone, are in step again."""

    found: tuple[tuple[str, DomainName], ...]


@dataclass(frozen=True, slots=True)
class ListZones(ReadCommand):
    """`zone list`."""


@dataclass(frozen=True, slots=True)
class ListSecondaries(ReadCommand):
    """`secondary list`."""


@dataclass(frozen=True, slots=True)
class NotifyZone(Action):
    """`zone notify`: notify the secondaries of one zone, or of all of them."""

    zone: DomainName | None = None
