"""Side effects and outside knowledge that commands need: clocks, hooks, probes, the query log.

Commands that change the state go through the ledger.  Everything else is injected as one value,
`CommandEffects`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from failoverdns.effects import Approval
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.server import LogCommand
from failoverdns.model.names import DomainName
from failoverdns.model.token import TokenUse
from failoverdns.pki.anchors import Anchors


class Probing(Protocol):
    """Results of probes, and the receiver of health reports from outside."""

    def last_seen(self, application: Application) -> list[Json]:
        """Report the last result of each check of each head of an application."""

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Record the report of a head or an external monitor; raises Rejected."""


class AtSecondaries(Protocol):
    """What is known of zones at other name servers, the secondaries."""

    @property
    def catalog(self) -> DomainName | None:
        """The catalog zone; None without one."""

    def of_zone(self, origin: DomainName) -> list[Json]:
        """Report each secondary of a zone."""

    def secondaries(self) -> list[Json]:
        """Report each secondary, with its zones."""

    def lags(self) -> Iterator[dict[str, Json]]:
        """Yield for each secondary and zone how long it has been behind, in seconds."""

    def notify(self, origin: DomainName | None) -> list[str]:
        """Notify the secondaries of a zone, or all; return their names.  Raises Rejected."""

    async def wait(
        self, serials: Mapping[DomainName, int], seconds: float
    ) -> list[dict[str, Json]]:
        """Wait until secondaries have these serials, and report each of them."""


class Counted(Protocol):
    """What the parts of the running server have counted."""

    async def report(self) -> dict[str, Json]:
        """Return the numbers of all parts, for `stats`."""

    def switches_of(self, group: str) -> Mapping[str, Json]:
        """Return how often a group (by id) was switched, by side and by what."""


class LastUses(Protocol):
    """When, and from where, each token was last used."""

    def last(self, token: str) -> TokenUse | None:
        """Return the last use of a token (by id); None if it was never used."""

    async def save(self) -> None:
        """Store what is not stored yet; a fault is logged."""


@dataclass(frozen=True, slots=True)
class CommandEffects:
    """Side effects and outside knowledge, injected into the command corridor."""

    now: Callable[[], float]
    """Returns seconds since 1970."""
    steady: Callable[[], float]
    """Returns seconds of a clock that is never adjusted."""
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    """Runs a coroutine to its end."""
    hooks: Callable[[], list[Json]]
    """Reports the state of each hook."""
    server: Callable[[], Awaitable[dict[str, Json]]]
    """Reports counters of DNS packets and connections."""
    automation: Callable[[], dict[str, Json]]
    """Reports the state of automatic switching."""
    probing: Probing
    query_log: Callable[[LogCommand], Awaitable[dict[str, Json]]]
    """Carries out a command on the query log, and reports the log's state."""
    approval: Callable[[], Approval | None]
    """Returns the function that asks hooks to approve a switch; None if no hook must agree."""
    restart: Callable[[], Awaitable[dict[str, Json]]]
    """Replaces the program; returns only if another one could not be run, or raises Rejected."""
    can_issue: Callable[[], bool]
    """Returns whether a CA is configured."""
    anchors: Callable[[], Anchors]
    """Returns the roots that clients are known to trust."""
    following: AtSecondaries
    statistics: Counted
    tokens_known: Callable[[], Awaitable[None]]
    """Waits a moment until the web process knows which tokens there are."""
    token_uses: LastUses
    log: Callable[[str], None]
    """Writes a line into the log."""
