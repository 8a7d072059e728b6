"""Commands that read the history, and the internal one that trims it."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import Mutation, ReadCommand
from failoverdns.model.history_cut import HistoryCut


@dataclass(frozen=True, slots=True)
class History(ReadCommand):
    """`history`: list the last changes, newest first."""

    group: str | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class ExportHistory(ReadCommand):
    """`history --export`: export the changes after the revision `since`, oldest first."""

    since: int = 0


@dataclass(frozen=True, slots=True)
class VerifyHistory(ReadCommand):
    """`history --verify`: check the whole hash chain; some change must have the hash `expect`."""

    expect: str | None = None


@dataclass(frozen=True, slots=True)
class TrimHistory(Mutation):
    """Internal command: the changes up to a cut, which the store has prepared, may be deleted."""

    cut: HistoryCut
