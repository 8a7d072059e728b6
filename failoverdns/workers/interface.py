"""Who answers, as the service sees it: one interface, for this process and for others.

Refuses to know processes and sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from failoverdns.model.change import Delta, Json
from failoverdns.model.commands.server import LogCommand
from failoverdns.model.settings import Config
from failoverdns.workers.settings import PreparedWorkers

Parts = Callable[[], Iterator[bytes]]
"""Returns all that is served, as deltas one after the other, each of the moment it is taken."""


class Answering(Protocol):
    """Whoever answers."""

    async def start(self, config: Config, parts: Parts) -> None:
        """Begin to answer as `config` says, when all `parts` are there.

        Raises CannotReadSecrets, CannotListen or CannotAnswer; then nothing is left open.
        """

    def publish(self, delta: Delta) -> None:
        """Send a delta out."""

    async def visible(self) -> None:
        """Wait until no query gets an answer from before what was published.

        Raises Rejected if that is not known in time.
        """

    def prepare(self, config: Config) -> PreparedWorkers:
        """Do what can fail in another configuration; raises CannotReadSecrets or CannotListen."""

    async def adopt(self, prepared: PreparedWorkers) -> None:
        """Answer by another configuration from now on."""

    def discard(self, prepared: PreparedWorkers) -> None:
        """Close what was prepared and will not be used."""

    async def report(self) -> dict[str, Json]:
        """Return what became of DNS clients' packets, for `status`."""

    async def log_queries(self, command: LogCommand) -> dict[str, Json]:
        """Turn the query log on or off, and tell how it is doing; raises Rejected."""

    def log_addresses(self) -> None:
        """Log the addresses that are answered on."""

    async def stop(self) -> None:
        """Answer no more."""


class CannotAnswer(Exception):
    """Why nobody can be made to answer, and what to do about it."""
