"""Answering in the control process: `workers: 0`.

Refuses to know answering processes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from failoverdns.answering.answerer import Answerer
from failoverdns.model.change import Delta, Json
from failoverdns.model.commands import LogCommand
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.protocol.table.deltas import write_delta
from failoverdns.workers.handover import find_orphans
from failoverdns.workers.interface import Parts
from failoverdns.workers.settings import Offering, PreparedWorkers


class InProcess:
    """Implements `workers.interface.Answering`."""

    def __init__(self, reactor: Any, inherited: Inherited, rendezvous: Path) -> None:
        """Build; nothing is opened before `start`.

        Sockets that are `inherited` come first, and with them those of answering processes that
        wait at `rendezvous`: of a server that had some, and was killed.
        """
        self._reactor = reactor
        self._inherited = inherited
        self._rendezvous = rendezvous
        self._answerer = Answerer(reactor)
        self._offering = Offering(0, inherited, reactor, self._agree)
        self._open: set[int] = set()

    async def start(self, config: Config, parts: Parts) -> None:
        """Fill the table, then open the sockets, and send home who answered until now."""
        orphans = await find_orphans(self._reactor, self._rendezvous, self._inherited)
        for delta in parts():
            self._answerer.take_delta(delta)
        await self.adopt(self.prepare(config))
        for orphan in orphans:
            await orphan.retire()

    def publish(self, delta: Delta) -> None:
        """Make a delta visible."""
        self._answerer.take_delta(write_delta(delta))

    async def visible(self) -> None:
        """Return: what was published is visible."""

    def prepare(self, config: Config) -> PreparedWorkers:
        """Try what may fail of another configuration; raises CannotAgree or CannotListen."""
        return self._offering.prepare(config)

    async def adopt(self, prepared: PreparedWorkers) -> None:
        """Answer by another configuration from now on."""
        self._offering.adopt(prepared)
        self._agree()
        bound = {one.number: one for one in self._offering.addresses.bound}
        for number in self._open - bound.keys():
            self._answerer.listeners.close(number)
        for number in bound.keys() - self._open:
            udp, tcp = bound[number].pair
            self._answerer.listeners.open(number, bound[number].asked, (udp.dup(), tcp.dup()))
        self._open = set(bound)

    def discard(self, prepared: PreparedWorkers) -> None:
        """Let go of what was prepared and is not to be used."""
        self._offering.discard(prepared)

    async def report(self) -> dict[str, Json]:
        """Tell what became of strangers' packets."""
        report = self._answerer.report()
        report["udp"] = {"lost": self._offering.addresses.lost(), **report["udp"]}
        return report

    async def log_queries(self, command: LogCommand) -> dict[str, Json]:
        """Turn the query log on or off, and tell how it is doing; raises Rejected."""
        return self._answerer.query_log.carry_out(command)

    def log_addresses(self) -> None:
        """Say where we answer."""
        self._offering.log_addresses()

    async def stop(self) -> None:
        """Close the sockets and the query log."""
        self._answerer.stop()
        self._offering.close()

    def _agree(self) -> None:
        self._answerer.agree(self._offering.agreement)
