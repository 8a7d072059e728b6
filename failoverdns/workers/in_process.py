"""Answering in the control process itself: `workers: 0`."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from failoverdns.answering.answerer import Answerer
from failoverdns.answering.counting import add
from failoverdns.model.change import Delta, Json
from failoverdns.model.commands.server import LogCommand
from failoverdns.model.settings import Config
from failoverdns.net.inherited import Inherited
from failoverdns.net.succession import HandedConnection
from failoverdns.protocol.table.deltas import write_delta, write_swap
from failoverdns.protocol.table.fast_path import fast_path
from failoverdns.workers.fleet import Fleet
from failoverdns.workers.handover import Orphans, dismiss
from failoverdns.workers.interface import Give, HandedSockets, Parts
from failoverdns.workers.settings import AnsweringSetup, PreparedWorkers


class InProcess:
    """Implements `workers.interface.Answering`."""

    def __init__(self, reactor: Any, inherited: Inherited, control_socket: Path) -> None:
        """Prepare to answer; nothing is opened before `start`.

        `inherited` sockets are used before new ones are opened, and so are those of answering
        processes beside `control_socket`, which an earlier server left when it was killed.
        """
        self._reactor = reactor
        self._answerer = Answerer(reactor)
        self._setup = AnsweringSetup(0, inherited, reactor, self._configure)
        self._over_tls = Fleet(0, reactor, inherited, control_socket, self._setup)
        """At most one process, which answers over TLS."""
        self._open: set[int] = set()
        self._has_next = False
        self._orphans = Orphans(reactor, control_socket, inherited)

    async def start(self, config: Config, parts: Parts) -> None:
        """Fill the table, open the sockets, and retire the workers that have answered so far."""
        for delta in parts():
            self._answerer.take_delta(delta)
        self._adopt(self.prepare(config))
        await self._over_tls.begin(parts)
        await dismiss(self._orphans.taken(), self.take)

    async def recall(self) -> list[str]:
        """Find the workers of an earlier server; return the texts that they keep."""
        return await self._orphans.recall()

    def leave(self) -> None:
        """Let the workers of an earlier server continue to answer: this server will not."""
        self._orphans.leave()

    def includes(self, pid: int) -> bool:
        """Return whether a process is a worker of an earlier server."""
        return self._orphans.include(pid) or self._over_tls.includes(pid)

    @property
    def is_serving(self) -> bool:
        """Whether this process answers queries."""
        return bool(self._open)

    def keep(self, number: int, text: str) -> None:
        """Keep nothing: this process ends with the control process, which it is."""

    def forget(self) -> None:
        """Forget nothing, because nothing is kept."""

    def publish(self, delta: Delta) -> None:
        """Apply a delta."""
        self._over_tls.publish(delta)
        if delta.static is not None and self._has_next:
            self._has_next = False
            self._answerer.take_next(write_swap(delta))
        else:
            self._answerer.take_delta(write_delta(delta))

    async def fill_next(self, parts: Parts) -> None:
        """Fill a next table with `parts`, while the present one answers."""
        self._has_next = True
        for part in parts():
            self._answerer.fill_next(part)
            await deferLater(self._reactor, 0)
        await self._over_tls.fill_next(parts)

    def forget_next(self) -> None:
        """Give up the next table."""
        self._has_next = False
        self._answerer.forget_next()
        self._over_tls.forget_next()

    async def visible(self) -> None:
        """Wait for the process that answers over TLS: here deltas are visible at once."""
        await self._over_tls.visible()

    def prepare(self, config: Config) -> PreparedWorkers:
        """Prepare another configuration; raises CannotReadSecrets or CannotListen."""
        return self._setup.prepare(config)

    async def adopt(self, prepared: PreparedWorkers) -> None:
        """Use another configuration from now on."""
        self._adopt(prepared)
        await self._over_tls.change()

    def _adopt(self, prepared: PreparedWorkers) -> None:
        self._setup.adopt(prepared)
        self._configure()
        bound = {one.number: one for one in self._setup.addresses.bound}
        for number in self._open - bound.keys():
            self._answerer.listeners.close(number)
        for number in bound.keys() - self._open:
            udp, tcp = bound[number].pair
            self._answerer.listeners.open(number, bound[number].asked, (udp.dup(), tcp.dup()))
        self._open = set(bound)

    def discard(self, prepared: PreparedWorkers) -> None:
        """Close the sockets of a configuration that will not be used."""
        self._setup.discard(prepared)

    def link_with(self, give: Give | None) -> None:
        """Connect the answerer with a transfer process."""
        self._over_tls.link_with(give)
        if give is None:
            self._answerer.forwarding.disconnect()
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._answerer.forwarding.connect(ours.detach())
        with theirs:
            give(theirs.fileno())

    async def report(self) -> dict[str, Json]:
        """Return the counts of packets and connections."""
        report = self._answerer.report()
        del report["counts"]  # `statistics` has them
        report["udp"] = {"lost": self._setup.addresses.lost(), **report["udp"]}
        report["fast_path"] = fast_path()
        over_tls = await self._over_tls.report()
        if over_tls["workers"]:
            report["tls"], report["workers"] = over_tls["tls"], over_tls["workers"]
        return report

    async def statistics(self) -> dict[str, Json]:
        """Return what `report` does, and all counts since the start."""
        report, over_tls = await self.report(), await self._over_tls.statistics()
        counts, others = self._answerer.counts(), over_tls["counts"]
        if isinstance(others, dict):
            add(counts, {name: one for name, one in others.items() if isinstance(one, int)})
        return {
            **report,
            "counts": {**counts},
            "lost": self._setup.addresses.lost_since_start(),
            "ended": over_tls["ended"],
        }

    async def log_queries(self, command: LogCommand) -> dict[str, Json]:
        """Turn the query log on or off if `command` says so, and return its status.

        Raises Rejected.
        """
        return self._answerer.query_log.carry_out(command)

    def log_addresses(self) -> None:
        """Log the addresses on which the server answers."""
        self._setup.log_addresses()

    async def stop(self) -> None:
        """Close the sockets and the query log."""
        await dismiss(self._orphans.taken())
        await self._over_tls.end()
        self._answerer.stop()
        self._setup.close()

    async def take(self, connections: Iterable[HandedConnection]) -> None:
        """Continue TCP connections of the program before."""
        self._answerer.listeners.take(connections)

    async def hand_over(self) -> HandedSockets:
        """Stop answering, and return the sockets for the next program; queries wait in them."""
        connections = await self._answerer.listeners.release()
        await self._over_tls.let_go()
        pairs, listeners = self._setup.addresses.copies(), self._setup.tls.copies()
        self._answerer.stop()
        self._setup.close()
        return HandedSockets(pairs, connections, listeners)

    def _configure(self) -> None:
        self._over_tls.configure()
        self._answerer.configure(self._setup.settings)
