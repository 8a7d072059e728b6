"""Commands that read the history."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import ReadCommand


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
