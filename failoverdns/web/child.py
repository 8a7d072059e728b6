"""The web process: what the control process sends it, and what it does with that.

It ends with the control process, whose commands it could not reach any more.  Before it gets its
first socket, it reads the files of the dashboard and gives up all that it does not need.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from failoverdns import __version__
from failoverdns.confinement.worker import Confinement, confine_web
from failoverdns.control.language.openapi import document
from failoverdns.metrics.exposition import begin
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.settings import ListenAddress
from failoverdns.net.accepting import adopt_port
from failoverdns.net.descriptors import OURS
from failoverdns.net.process import run_child
from failoverdns.web.admission import Admission
from failoverdns.web.bodies import BodyMemory
from failoverdns.web.calls import Call, LaneKind, ServerState, read_checks, read_state
from failoverdns.web.cloud66.serving import serve as serve_cloud66
from failoverdns.web.events import Streams
from failoverdns.web.exchange import JSON
from failoverdns.web.lanes import Lanes
from failoverdns.web.responding import Responses
from failoverdns.web.routes import Parts, Routes
from failoverdns.web.server import ACCEPTED, MOST, WebServer
from failoverdns.web.settings import read_settings
from failoverdns.web.static_files import StaticFiles, static_file
from failoverdns.workers.calls import check_protocol, read_address, read_material
from failoverdns.workers.channel import CHANNEL, Channel, open_channel

SEND_BUFFER: Final = 1 << 18
"""Bytes that the kernel keeps for a client at most, so that a client that does not read is seen."""

DRAINING: Final = 2.0
"""Seconds for requests under way when the process is retired."""

FAREWELL: Final = 0.05
"""Seconds between the last reply and the end of the process, for the reply to be sent."""

NICE: Final = 5
"""How much other processes of the server come first."""

STATIC: Final = Path(__file__).parent / "static"

log = Logger()


class WebProcess:
    """The web process."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._control = Channel(self._carry_out, _take_no_delta, lambda _: self._stop())
        self._control.name = "the control process"
        self._control.takes_descriptors = True
        self._state = ServerState()
        self._held = BodyMemory(reactor.seconds)
        self._admission = Admission(reactor.seconds, time.time)
        self._lanes = Lanes(reactor, self._held)
        self._streams = Streams(reactor)
        self._responses = Responses(reactor, self._held)
        parts = Parts(
            self._admission,
            self._lanes,
            self._streams,
            self._responses,
            StaticFiles(STATIC),
            lambda: self._state,
            static_file(JSON, json.dumps(document(__version__)).encode() + b"\n"),
            render=begin,
            cloud66=serve_cloud66,
        )
        self._server = WebServer(reactor, self._admission, Routes(parts, reactor))
        self._ports: dict[int, Any] = {}
        self._confinement: Confinement | None = None

    def start(self) -> None:
        """Open the channel to the control process."""
        open_channel(self._reactor, CHANNEL, self._control)
        os.close(CHANNEL)
        self._lanes.start()
        self._streams.start()
        self._responses.start()
        gc.freeze()
        gc.enable()

    def end(self, *_: object) -> None:
        """Stop after a signal."""
        self._reactor.callFromThread(self._stop)

    def _carry_out(self, channel: Channel, name: str, arguments: dict[str, Any]) -> Any:
        match name:
            case Call.APPLIED:
                return None
            case Call.CONFIGURE:
                check_protocol(arguments)
                self._configure(arguments)
            case Call.TOKENS:
                gone = self._admission.tokens.adopt(read_checks(arguments["tokens"]))
                self._streams.close_of(gone)
            case Call.OPEN:
                for number, host, port in arguments["sockets"]:
                    address = read_address([host, port])
                    self._open(number, _family(address), *channel.take_descriptors(1))
            case Call.CLOSE:
                for number in arguments["numbers"]:
                    self._close(number)
            case Call.LANES:
                for _, kind in arguments["lanes"]:
                    self._take_lane(LaneKind(kind), *channel.take_descriptors(1))
            case Call.STATE:
                self._state = read_state(arguments)
            case Call.REPORT:
                return self._report()
            case Call.RETIRE:
                return Deferred.fromCoroutine(self._retire())
            case _:
                raise Rejected("unknown-command", f"the web process cannot {name!r}")
        return None

    def _configure(self, arguments: dict[str, Any]) -> None:
        if self._confinement is None:
            OURS.want(  # confined, the process can neither raise the limit nor count its open files
                "HTTP connections",
                MOST,
                used=lambda: len(self._server.places),
                changed=self._server.limit,
            )
            self._confine()
        OURS.note()
        self._admission.settings = settings = read_settings(arguments["settings"])
        self._server.is_secure = settings.tls
        written = arguments.get("material")
        material = read_material(written) if written is not None else None
        try:
            self._server.context.adopt(material)
        except Malformed as fault:
            log.error("the certificate before is used on: {fault}", fault=str(fault))

    def _confine(self) -> None:
        """Give up what is not needed, before the first socket arrives, and let others come first.

        It did not before: on a busy machine it would start too slowly.
        """
        os.nice(NICE)
        self._confinement = confine_web(Path(__file__).parents[1])
        if self._confinement.fault:
            log.error("the web process is not confined: {why}", why=self._confinement.fault)

    def _open(self, number: int, family: Any, descriptor: int) -> None:
        """Listen on a socket, which is ours now."""
        try:
            with socket.socket(fileno=os.dup(descriptor)) as listening:
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._close(number)
            accepts: Callable[[], int] = lambda: ACCEPTED  # noqa: E731
            self._ports[number] = adopt_port(
                self._reactor, descriptor, family, self._server, accepts
            )
        finally:
            os.close(descriptor)

    def _close(self, number: int) -> None:
        port = self._ports.pop(number, None)
        if port is not None:
            port.stopListening()

    def _take_lane(self, kind: LaneKind, descriptor: int) -> None:
        try:
            if kind is LaneKind.EVENTS:
                self._streams.open(descriptor)
            else:
                self._lanes.open(kind, descriptor)
        finally:
            os.close(descriptor)

    def _report(self) -> dict[str, Json]:
        return {
            "pid": os.getpid(),
            "version": __version__,
            "confinement": asdict(self._confinement) if self._confinement is not None else None,
            "connections": len(self._server.places),
            "streams": len(self._streams.all),
            "requests": {f"{one}xx": self._server.answered[f"{one}xx"] for one in range(2, 6)},
            "refused_tokens": self._admission.failures.count,
            "limited": self._admission.limited + self._server.turned_away,
            "dropped": self._held.dropped + self._streams.dropped,
        }

    async def _retire(self) -> None:
        """Take no further request, answer those under way, and end a moment later."""
        for number in list(self._ports):
            self._close(number)
        self._streams.close()
        self._server.drain()
        until = self._reactor.seconds() + DRAINING
        while len(self._server.places) and self._reactor.seconds() < until:
            await deferLater(self._reactor, 0.02)
        self._server.close()
        self._reactor.callLater(FAREWELL, self._stop)

    def _stop(self) -> None:
        if self._reactor.running:
            self._reactor.stop()


def title(control_socket: str) -> str:
    """Return the title of the web process of a control socket."""
    return f"failoverdns: http, {control_socket}"


def serve(control_socket: str) -> int:
    """Run the web process until it is retired, or its control process is gone."""
    return run_child(title(control_socket), "failoverdns-h", WebProcess)


def _family(address: ListenAddress) -> socket.AddressFamily:
    return socket.AF_INET6 if address.host.version == 6 else socket.AF_INET


def _take_no_delta(*_: object) -> None:
    raise Malformed("a delta, which the web process does not take")
