"""What the command corridor uses of the rest of the server.

Commands that change the state go through the ledger alone.  Everything else that a command needs
(clocks, hooks, probes, the query log) is handed in as one value, `CommandEffects`, by whoever builds the
corridor: the service, or a test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from failoverdns.effects import Approval
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.commands import LogCommand
from failoverdns.model.commands.health import ReportHealth


class Probing(Protocol):
    """What probes have seen, and where health reports from outside go."""

    def last_seen(self, application: Application) -> list[Json]:
        """Report what each check of each head of an application last saw."""

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Take the report of a head or an external monitor; raises Rejected."""


@dataclass(frozen=True, slots=True)
class CommandEffects:
    """Side effects and outside knowledge, injected into the command corridor."""

    now: Callable[[], float]
    """Returns seconds since 1970."""
    steady: Callable[[], float]
    """Returns seconds of a clock that nobody sets."""
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    """Runs a coroutine to its end."""
    hooks: Callable[[], list[Json]]
    """Reports the state of each hook."""
    server: Callable[[], Awaitable[dict[str, Json]]]
    """Reports what becomes of packets and connections."""
    automation: Callable[[], dict[str, Json]]
    """Reports how automatic switching is doing."""
    probing: Probing
    query_log: Callable[[LogCommand], Awaitable[dict[str, Json]]]
    """Carries out a command on the query log, and reports the log's state."""
    approval: Callable[[], Approval | None]
    """Returns who has to agree to a switch; None if nobody has to."""
    can_issue: Callable[[], bool]
    """Returns whether a CA is configured."""
