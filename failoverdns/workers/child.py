"""The answering process: it answers DNS clients and carries out calls of the control process.

It has a table, sockets and settings, and no private key.  When the control process dies, it
continues to answer with its last table.  A new control process finds it at its rendezvous, a Unix
socket beside the control socket, takes over its sockets and retires it.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from failoverdns.answering.answerer import Answerer
from failoverdns.answering.settings import read_worker_settings
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn, QueryLogStatus
from failoverdns.model.errors import Rejected
from failoverdns.net.process import begin_logging, take_reactor
from failoverdns.net.sockets import CannotListen
from failoverdns.net.succession import close_all
from failoverdns.net.unix import listen_unix
from failoverdns.workers.calls import (
    Call,
    read_address,
    read_connections,
    write_address,
    write_connections,
)
from failoverdns.workers.channel import Channel, ChannelFactory, open_channel

CHANNEL = 3
"""The descriptor of the channel to the control process that started this process."""

FAREWELL = 0.2
"""Seconds between the last reply and the end of the process, for the reply to be sent."""

log = Logger()


class AnsweringProcess:
    """An answering process: an answerer that the control process controls through channels."""

    def __init__(self, reactor: Any, rendezvous: Path) -> None:
        self._reactor = reactor
        self._rendezvous = rendezvous
        self._answerer = Answerer(reactor)
        self._control: set[Channel] = set()
        self._port: Any = None
        self._retiring = False

    def start(self) -> None:
        """Open the channel to the control process, and listen at the rendezvous."""
        open_channel(self._reactor, CHANNEL, self._channel())
        os.close(CHANNEL)
        try:
            factory = ChannelFactory(self._channel)
            self._port = listen_unix(
                self._reactor, self._rendezvous, 0o600, factory, setting="control.socket"
            )
        except (CannotListen, OSError) as fault:
            log.warn("a new control process will not find this one: {fault}", fault=str(fault))

    def _channel(self) -> Channel:
        """Return our end of a channel; a process that can open the rendezvous can control us."""
        channel = Channel(self._carry_out, self._answerer.take_delta, self._lose)
        self._control.add(channel)
        return channel

    def end(self, *_: object) -> None:
        """Stop after a signal."""
        self._reactor.callFromThread(self._stop)

    def _carry_out(self, channel: Channel, name: str, arguments: dict[str, Any]) -> Any:
        answerer = self._answerer
        match name:
            case Call.APPLIED:
                return None
            case Call.CONFIGURE:
                answerer.configure(read_worker_settings(arguments["settings"]))
            case Call.OPEN:
                self._open(channel, arguments)
            case Call.CLOSE:
                for number in arguments["numbers"]:
                    answerer.listeners.close(number)
            case Call.REPORT:
                return answerer.report()
            case Call.LOG_QUERIES:
                return answerer.query_log.carry_out(_log_command(arguments))
            case Call.HAND_OVER:
                return self._hand_over(channel)
            case Call.RELEASE:
                return Deferred.fromCoroutine(self._release(channel))
            case Call.TAKE:
                taken = read_connections(arguments["connections"], channel.take_descriptors)
                answerer.listeners.take(taken)
            case Call.RETIRE:
                return self._retire()
            case _:
                raise Rejected("unknown-command", f"an answering process cannot {name!r}")
        return None

    def _open(self, channel: Channel, arguments: dict[str, Any]) -> None:
        """Answer on sockets that came with the call.

        The objects of the filled table stay, so the garbage collector skips them from now on.
        """
        gc.freeze()
        gc.enable()
        for number, address in arguments["sockets"]:
            udp, tcp = (socket.socket(fileno=one) for one in channel.take_descriptors(2))
            self._answerer.listeners.open(number, read_address(address), (udp, tcp))

    def _hand_over(self, channel: Channel) -> list[Any]:
        copies = self._answerer.listeners.copies()
        channel.give_descriptors(one for _, udp, tcp in copies for one in (udp, tcp))
        return [write_address(address) for address, _, _ in copies]

    async def _release(self, channel: Channel) -> list[Any]:
        """Stop answering, and give up the TCP connections for another process."""
        self._retiring = True
        released = await self._answerer.listeners.release()
        channel.give_descriptors(one.descriptor for one in released)
        # The descriptors are sent in this turn of the reactor or later: they stay open until then.
        self._reactor.callLater(FAREWELL, close_all, [one.descriptor for one in released])
        return write_connections(released)

    def _retire(self) -> Deferred[None]:
        """Stop answering; queries that TCP clients have begun to send are answered first."""
        self._retiring = True
        self._answerer.listeners.close_all()
        deferred: Deferred[None] = Deferred.fromCoroutine(self._finish())
        return deferred

    async def _finish(self) -> None:
        until = self._reactor.seconds() + 1.0
        while len(self._answerer.listeners.tcp_clients) and self._reactor.seconds() < until:
            await deferLater(self._reactor, 0.01)
        self._reactor.callLater(FAREWELL, self._stop)

    def _lose(self, channel: Channel) -> None:
        self._control.discard(channel)
        if self._control:
            return
        if self._retiring or not self._answerer.listeners.copies():
            self._stop()  # it has no sockets to answer on
        else:
            log.warn("the control process is gone: continuing to answer with the last data")

    def _stop(self) -> None:
        self._answerer.stop()
        if self._reactor.running:
            self._reactor.stop()


def _log_command(arguments: dict[str, Any]) -> LogCommand:
    if "sample" in arguments:
        return QueryLogOn(arguments["sample"])
    return QueryLogOff() if arguments.get("off") else QueryLogStatus()


def main() -> int:
    """Run an answering process until it is retired or gets SIGTERM."""
    begin_logging()
    reactor = take_reactor()
    process = AnsweringProcess(reactor, Path(f"{sys.argv[1]}.{os.getpid()}"))
    for number in (signal.SIGINT, signal.SIGHUP):  # those of a terminal are for the control process
        signal.signal(number, signal.SIG_IGN)
    reactor.callWhenRunning(process.start)
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, process.end)
    gc.disable()
    reactor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
