"""The interface to the processes that answer, whether that is the control process or workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from failoverdns.model.change import Delta, Json
from failoverdns.model.commands.server import LogCommand
from failoverdns.model.settings import Config
from failoverdns.net.succession import HandedConnection, HandedListener, HandedPair
from failoverdns.workers.settings import PreparedWorkers

Parts = Callable[[], Iterator[bytes]]
"""Returns the whole table as deltas, each computed at the moment when it is requested."""


Give = Callable[[int], None]
"""Takes a descriptor, which the caller closes afterwards."""


class HandedSockets(NamedTuple):
    """What the next program continues: pairs of sockets, connections, and sockets for TLS."""

    pairs: list[HandedPair]
    connections: list[HandedConnection]
    listeners: list[HandedListener]


class Answering(Protocol):
    """The processes that answer DNS clients."""

    async def start(self, config: Config, parts: Parts) -> None:
        """Fill the tables with all `parts`, then start to answer with the settings of `config`.

        Raises CannotReadSecrets, CannotListen or CannotAnswer; then nothing is left open.
        """

    async def recall(self) -> list[str]:
        """Return the texts that processes of an earlier control process keep; call it first.

        Raises CannotListen if these have a control process that runs.
        """

    def leave(self) -> None:
        """Let the processes that `recall` found continue to answer, because the start has failed.

        Without it they are ended by `stop`.
        """

    def includes(self, pid: int) -> bool:
        """Return whether a process is one of those that answer, and is not this one."""

    @property
    def is_serving(self) -> bool:
        """Whether queries are answered: a process has the whole table, and the sockets."""

    def keep(self, number: int, text: str) -> None:
        """Have every process keep a text for a later control process, in place of one numbered so.

        It is kept before a delta that is published afterwards is visible.
        """

    def forget(self) -> None:
        """Have every process forget the texts that it keeps."""

    def publish(self, delta: Delta) -> None:
        """Send a delta to every table."""

    async def fill_next(self, parts: Parts) -> None:
        """Fill a next table in every process with `parts`, while the present one answers.

        Deltas that are published meanwhile reach both.  The next delta with a difference of static
        records (`Delta.static`) does not apply that: the next table, which has these records, takes
        the place of the present one.
        """

    def forget_next(self) -> None:
        """Give up the next table."""

    async def visible(self) -> None:
        """Wait until no query gets an answer from before the published deltas.

        Raises Rejected if that is not confirmed in time.
        """

    def prepare(self, config: Config) -> PreparedWorkers:
        """Prepare another configuration: everything about it that can fail.

        Pass the result to `adopt` or `discard`.  Raises CannotReadSecrets or CannotListen.
        """

    async def adopt(self, prepared: PreparedWorkers) -> None:
        """Use another configuration from now on."""

    def discard(self, prepared: PreparedWorkers) -> None:
        """Close the sockets of a configuration that will not be used."""

    def link_with(self, give: Give | None) -> None:
        """Connect every process that answers, now or later, with a transfer process.

        `give` gets the transfer process's end of each link.  The new links take the place of those
        to an earlier transfer process; with None there is none any more.
        """

    async def report(self) -> dict[str, Json]:
        """Return the counts of packets and connections, for `status`."""

    async def statistics(self) -> dict[str, Json]:
        """Return what `report` does, and what was counted since the start, for `stats`.

        `counts` has numbers by the names of `answering.counting`; `lost` packets were dropped by
        the kernel; `ended` processes ended without being asked to.
        """

    async def log_queries(self, command: LogCommand) -> dict[str, Json]:
        """Turn the query log on or off if `command` says so, and return its status.

        Raises Rejected.
        """

    def log_addresses(self) -> None:
        """Log the addresses on which the server answers."""

    async def stop(self) -> None:
        """Stop answering."""

    async def take(self, connections: Iterable[HandedConnection]) -> None:
        """Continue TCP connections of the program before; they are ours from now on."""

    async def hand_over(self) -> HandedSockets:
        """Stop to control what answers, and return the sockets for the next program.

        Workers continue to answer; without workers, queries wait in the sockets.
        """


class CannotAnswer(Exception):
    """No process could be made to answer; the text has the reason."""
