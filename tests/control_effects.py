"""`CommandEffects` for tests of the command corridor: a clock that stands still, and no server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from corridors import Corridor

from failoverdns.control.caller import Caller
from failoverdns.control.counting import CommandCounts
from failoverdns.control.effects import CommandEffects
from failoverdns.control.source import Source
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.server import LogCommand
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.names import DomainName
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import EVERYTHING
from failoverdns.model.token import TokenUse
from failoverdns.pki.anchors import NO_ANCHORS


class NotProbing:
    """A stand-in for probing that probes no application."""

    def last_seen(self, application: Application) -> list[Json]:
        """Return no results."""
        return []

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Reject the report."""
        raise Rejected("unavailable", "nothing is probed here")


class UnusedTokens:
    """A stand-in for the last uses of tokens where none was used."""

    def last(self, token: str) -> TokenUse | None:
        """Return that the token was never used."""
        return None

    async def save(self) -> None:
        """Do nothing: there is nothing to store."""


class NoSecondaries:
    """A stand-in for secondaries where none is configured."""

    catalog = None

    def of_zone(self, origin: DomainName) -> list[Json]:
        """Return no secondaries."""
        return []

    def secondaries(self) -> list[Json]:
        """Return no secondaries."""
        return []

    def notify(self, origin: DomainName | None) -> list[str]:
        """Reject the command."""
        raise Rejected("refused", "no zone has a secondary")

    def lags(self) -> Iterator[dict[str, Json]]:
        """Yield nothing."""
        return iter(())

    async def wait(
        self, serials: Mapping[DomainName, int], seconds: float
    ) -> list[dict[str, Json]]:
        """Return at once: there is nobody to wait for."""
        return []


class NothingCounted:
    """A stand-in for a server that has counted nothing."""

    async def report(self) -> dict[str, Json]:
        """Return no numbers."""
        return {}

    def switches_of(self, group: str) -> Mapping[str, Json]:
        """Return no switches."""
        return {}


ADMIN = Caller(unix_principal(0, 1, "pytest", "root"), lambda: EVERYTHING)
"""A caller that may give every command."""


async def no_server() -> dict[str, Json]:
    """Return an empty report of the server."""
    return {}


async def no_query_log(command: LogCommand) -> dict[str, Json]:
    """Return the report of a query log that is off."""
    return {"on": False, "file": None, "sample": 1, "written": 0, "lost": 0}


async def no_web() -> None:
    """Return at once: there is no web process."""


async def no_restart() -> dict[str, Json]:
    """Refuse to restart."""
    raise Rejected("refused", "nothing runs here that could be restarted")


def quiet_effects(corridor: Corridor, **others: Any) -> CommandEffects:
    """Return effects with the corridor's clock; `others` replace fields by name."""
    return CommandEffects(
        **{
            "now": lambda: corridor.now,
            "steady": lambda: corridor.now,
            "spawn": corridor.gate.spawn,
            "hooks": list,
            "server": no_server,
            "automation": dict,
            "probing": NotProbing(),
            "query_log": no_query_log,
            "approval": lambda: None,
            "restart": no_restart,
            "can_issue": lambda: True,
            "anchors": lambda: NO_ANCHORS,
            "following": NoSecondaries(),
            "statistics": NothingCounted(),
            "tokens_known": no_web,
            "token_uses": UnusedTokens(),
            "log": lambda _: None,
            **others,
        }
    )


def source_of(corridor: Corridor) -> Source:
    """Return the values from which commands that read a corridor are answered."""
    effects = quiet_effects(corridor)
    ledger = corridor.ledger
    return Source(
        ledger.state,
        corridor.store,
        Moment(corridor.now, corridor.now),
        behind=False,
        outage=ledger.outage,
        overlay=ledger.overlay,
        effects=effects,
        caller=ADMIN,
        forbidden=0,
        counts=CommandCounts(),
        ledger=ledger.counts,
    )
