"""Commands that read the history."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class History:
    """`history`: list the last changes, newest first."""

    group: str | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class ExportHistory:
    """`history --export`: export the changes after the revision `since`, oldest first."""

    since: int = 0


@dataclass(frozen=True, slots=True)
class VerifyHistory:
    """`history --verify`: check the whole hash chain; some change must have the hash `expect`."""

    expect: str | None = None
