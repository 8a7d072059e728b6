"""The answering process: it answers DNS clients and carries out calls of the control process.

It has a table, sockets and settings, and no private key; before it gets its first socket, it gives
up all that it does not need to answer (`confinement.worker`).  When the control process dies, it
continues to answer with its last table, for as long as it takes.  A new control process finds it
at its rendezvous, a Unix socket beside the control socket, takes over its sockets and retires it.
As long as its own control process lives, it does nothing for any other.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections import deque
from dataclasses import asdict
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from failoverdns import __version__
from failoverdns.answering.answerer import Answerer
from failoverdns.answering.settings import WorkerSettings, read_worker_settings
from failoverdns.confinement.worker import Confinement, confine
from failoverdns.model.commands.server import LogCommand, QueryLogOff, QueryLogOn, QueryLogStatus
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.net.descriptors import OURS
from failoverdns.net.peer import is_own_user
from failoverdns.net.process import begin_logging, name_process, take_reactor
from failoverdns.net.sockets import CannotListen
from failoverdns.net.succession import HandedConnection, close_all
from failoverdns.net.unix import LOOK, UnixListener
from failoverdns.protocol.table.fast_path import fast_path
from failoverdns.workers.calls import (
    CONTROLLED,
    Call,
    check_protocol,
    read_address,
    read_connections,
    read_material,
    write_address,
    write_connections,
)
from failoverdns.workers.channel import CHANNEL, Channel, ChannelFactory, open_channel
from failoverdns.workers.first_version import translated
from failoverdns.workers.frames import Kind
from failoverdns.workers.rendezvous import TLS_PLACE, rendezvous_of, title

SENT_AT_ONCE = 1 << 18
"""Bytes of texts, or of queries that were received, in a reply."""

RELEASED_AT_ONCE = 250
"""TCP connections in a reply; as many descriptors fit into a message of the kernel."""

FAREWELL = 0.2
"""Seconds between the last reply and the end of the process, for the reply to be sent."""

log = Logger()


class AnsweringProcess:
    """An answering process: an answerer that one control process at a time controls."""

    def __init__(self, reactor: Any, rendezvous: Path) -> None:
        self._reactor = reactor
        self._rendezvous = rendezvous
        self._answerer = Answerer(reactor)
        self._control: Channel | None = None
        """The channel to the control process; None while there is none."""
        self._listener: UnixListener | None = None
        self._fault = ""
        self._retrying = LoopingCall(self._listen)
        self._retiring = False
        self._released: deque[HandedConnection] = deque()
        """TCP connections that were given up and not handed over yet."""
        self._confinement: Confinement | None = None
        self._kept: dict[int, str] = {}
        """Unrecorded steps, which are not understood here, by their numbers."""

    def start(self) -> None:
        """Open the channel to the control process, and listen at the rendezvous."""
        self._control = self._channel(is_ours=True)
        open_channel(self._reactor, CHANNEL, self._control)
        os.close(CHANNEL)
        self._retrying.start(LOOK)

    def _listen(self) -> None:
        """Listen at the rendezvous, or try again later."""
        try:
            listener = UnixListener(
                self._reactor,
                self._rendezvous,
                0o600,
                setting="control.socket",
                is_contended=self._confinement is None,
            )
        except CannotListen as fault:
            if str(fault) != self._fault:
                log.warn(
                    "a new control process will not find this one; trying again: {fault}",
                    fault=str(fault),
                )
            self._fault = str(fault)
            return
        self._retrying.stop()
        self._listener = listener
        listener.accept(ChannelFactory(self._channel), is_own_user)

    def _channel(self, *, is_ours: bool = False) -> Channel:
        """Return our end of a channel: to our control process, or to one at the rendezvous."""
        channel = Channel(
            self._carry_out,
            lambda body, kind: self._take_names(channel, body, kind),
            self._lose,
        )
        channel.takes_descriptors = is_ours
        return channel

    def end(self, *_: object) -> None:
        """Stop after a signal."""
        self._reactor.callFromThread(self._stop)

    def _take_names(self, channel: Channel, body: bytes, kind: Kind) -> None:
        if channel is not self._control:
            raise Malformed("a delta came from a process that does not control this one")
        match kind:
            case Kind.NEXT:
                self._answerer.fill_next(body)
            case Kind.SWAP:
                self._answerer.take_next(body)
            case Kind.FORGET:
                self._answerer.forget_next()
            case _:
                self._answerer.take_delta(body, kind is Kind.PART)

    def _carry_out(self, channel: Channel, name: str, arguments: dict[str, Any]) -> Any:
        if channel is not self._control:
            if self._control is not None:
                raise Rejected(CONTROLLED, f"process {os.getpid()} has a control process")
            self._control = channel
            channel.takes_descriptors = True
        answerer = self._answerer
        name, arguments = translated(name, arguments)
        match name:
            case Call.APPLIED:
                return None
            case Call.CONFIGURE:
                check_protocol(arguments)
                settings = read_worker_settings(arguments["settings"])
                answerer.configure(settings)
                if arguments.get("tls") is not None:
                    answerer.listeners.speak_tls(read_material(arguments["tls"]))
                OURS.note()
                self._confine(settings)
            case Call.OPEN:
                self._open(channel, arguments)
            case Call.OPEN_TLS:
                self._open_tls(channel, arguments)
            case Call.CLOSE:
                for number in arguments["numbers"]:
                    answerer.listeners.close(number)
            case Call.REPORT:
                return {**answerer.report(), **self._report()}
            case Call.LOG_QUERIES:
                return answerer.query_log.carry_out(_log_command(arguments))
            case Call.HAND_OVER:
                return self._hand_over(channel)
            case Call.TLS_SOCKETS:
                copies = answerer.listeners.copies_tls()
                channel.give_descriptors(descriptor for _, descriptor in copies)
                return [write_address(address) for address, _ in copies]
            case Call.RELEASE:
                return Deferred.fromCoroutine(self._release(channel))
            case Call.TAKE:
                taken = read_connections(arguments["connections"], channel.take_descriptors)
                answerer.listeners.take(taken)
            case Call.KEEP:
                self._keep(arguments)
            case Call.RECALL:
                return self._recall(int(arguments["after"]))
            case Call.LINK:
                answerer.forwarding.connect(channel.take_descriptors(1)[0])
            case Call.RETIRE:
                return self._retire()
            case _:
                raise Rejected("unknown-command", f"an answering process cannot {name!r}")
        return None

    def _confine(self, settings: WorkerSettings) -> None:
        """Give up what is not needed to answer, once, before the first socket arrives."""
        if self._confinement is not None:
            return
        log_file = settings.querylog.file if settings.querylog is not None else None
        package = Path(__file__).parents[1]
        self._confinement = confine(package, self._rendezvous, log_file)
        if self._listener is not None:
            self._listener.is_contended = False
        if self._confinement.fault:
            log.error("this process is not confined: {fault}", fault=self._confinement.fault)

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Keep texts for a control process that comes after this one, or forget all of them."""
        steps = arguments.get("steps")
        if steps is None:
            self._kept.clear()
            return
        self._kept.update((int(number), str(text)) for number, text in steps)

    def _recall(self, after: int) -> list[list[int | str]]:
        """Return texts with higher numbers than `after`: one, and more while they are short."""
        piece: list[list[int | str]] = []
        size = 0
        for number, text in sorted(self._kept.items()):
            size += len(text)
            if number > after:
                if piece and size > SENT_AT_ONCE:
                    break
                piece.append([number, text])
            else:
                size = 0
        return piece

    def _report(self) -> dict[str, Any]:
        in_place = self._listener is not None and self._listener.is_in_place
        confinement = asdict(self._confinement) if self._confinement is not None else None
        return {
            "version": __version__,
            "fast_path": fast_path(),
            "rendezvous": in_place,
            "confinement": confinement,
        }

    def _open(self, channel: Channel, arguments: dict[str, Any]) -> None:
        """Answer on sockets that came with the call.

        The objects of the filled table stay, so the garbage collector skips them from now on.
        """
        gc.freeze()
        gc.enable()
        for number, address in arguments["sockets"]:
            udp, tcp = (socket.socket(fileno=one) for one in channel.take_descriptors(2))
            self._answerer.listeners.open(number, read_address(address), (udp, tcp))

    def _open_tls(self, channel: Channel, arguments: dict[str, Any]) -> None:
        """Answer over TLS on sockets that came with the call."""
        gc.freeze()
        gc.enable()
        for number, address in arguments["sockets"]:
            sock = socket.socket(fileno=channel.take_descriptors(1)[0])
            self._answerer.listeners.open_tls(number, read_address(address), sock)

    def _hand_over(self, channel: Channel) -> list[Any]:
        copies = self._answerer.listeners.copies()
        channel.give_descriptors(one for _, udp, tcp in copies for one in (udp, tcp))
        return [write_address(address) for address, _, _ in copies]

    async def _release(self, channel: Channel) -> list[Any]:
        """Stop answering, and give up the TCP connections for another process, piece by piece."""
        if not self._retiring:
            self._retiring = True
            self._released = deque(await self._answerer.listeners.release())
        released: list[HandedConnection] = []
        size = 0
        while self._released and size < SENT_AT_ONCE and len(released) < RELEASED_AT_ONCE:
            released.append(self._released.popleft())
            size += len(released[-1].received)
        channel.give_descriptors(one.descriptor for one in released)
        # The descriptors are sent in this turn of the reactor or later: they stay open until then.
        self._reactor.callLater(FAREWELL, close_all, [one.descriptor for one in released])
        return write_connections(released)

    def _retire(self) -> Deferred[None]:
        """Stop answering; queries that TCP clients have begun to send are answered first."""
        self._retiring = True
        self._leave_rendezvous()
        self._answerer.listeners.close_all()
        deferred: Deferred[None] = Deferred.fromCoroutine(self._finish())
        return deferred

    async def _finish(self) -> None:
        until = self._reactor.seconds() + 1.0
        while len(self._answerer.listeners.tcp_clients) and self._reactor.seconds() < until:
            await deferLater(self._reactor, 0.01)
        self._reactor.callLater(FAREWELL, self._stop)

    def _lose(self, channel: Channel) -> None:
        """Continue without the control process, if there are sockets to answer on."""
        if channel is not self._control:
            return
        self._control = None
        if self._retiring or not self._answerer.listeners.are_open:
            self._stop()
        else:
            log.warn(
                "the control process is gone: process {pid} continues to answer with the last data",
                pid=os.getpid(),
            )

    def _stop(self) -> None:
        self._answerer.stop()
        self._leave_rendezvous()
        if self._reactor.running:
            self._reactor.stop()

    def _leave_rendezvous(self) -> None:
        """Listen no more; a confined process leaves the file to the control process."""
        if self._retrying.running:
            self._retrying.stop()
        if self._listener is not None:
            self._listener.close()


def _log_command(arguments: dict[str, Any]) -> LogCommand:
    if "sample" in arguments:
        return QueryLogOn(arguments["sample"])
    return QueryLogOff() if arguments.get("off") else QueryLogStatus()


def answer(control_socket: str, place: str) -> int:
    """Run the answering process for a place until it is retired or gets SIGTERM."""
    number = int(place)
    name = f"failoverdns-{'tls' if number == TLS_PLACE else number + 1}"
    name_process(title(Path(control_socket), number), name)
    begin_logging()
    reactor = take_reactor()
    process = AnsweringProcess(reactor, rendezvous_of(Path(control_socket), os.getpid()))
    for number in (signal.SIGINT, signal.SIGHUP):  # those of a terminal are for the control process
        signal.signal(number, signal.SIG_IGN)
    reactor.callWhenRunning(process.start)
    reactor.callWhenRunning(signal.signal, signal.SIGTERM, process.end)
    gc.disable()
    reactor.run()
    return 0


if __name__ == "__main__":  # by a control process of version 0.1.0, after an upgrade in its place
    sys.exit(answer(sys.argv[1].removesuffix(".worker"), "0"))
