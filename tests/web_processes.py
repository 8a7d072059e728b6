"""Web processes in memory, and the control process's side of HTTP that starts them.

The processes get the frames that real ones get, and answer each call.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ProcessDone, ProcessExitedAlready
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from failoverdns.config import load_config
from failoverdns.model.certificate import Bundle
from failoverdns.model.change import Change, Write
from failoverdns.model.principal import Principal, PrincipalKind, RemoteClient
from failoverdns.model.settings import HTTPSettings, ListenAddress
from failoverdns.model.token import TokenCheck
from failoverdns.net.inherited import Inherited
from failoverdns.web.calls import ServerState
from failoverdns.web.certificate import Vault
from failoverdns.web.control_side import PreparedWeb, Web
from failoverdns.web.interface import WebEffects
from failoverdns.workers.frames import FrameReader, read_call, write_failure, write_result

CONFIG = """\
zones:
  shop.example:
    contact: hostmaster@shop.example
    nameservers:
      ns1: [192.0.2.53, "2001:db8::53"]
      ns2.example.net: []
listen: ["127.0.0.1:5300"]
"""

LISTEN = (ListenAddress(ip_address("127.0.0.1"), 0),)
PLAIN = HTTPSettings(LISTEN)
OF_SHOP = HTTPSettings(LISTEN, application="shop")

STEP = 0.125
"""Seconds of one step of time."""

REPORT = {"requests": {"2xx": 3}, "refused_tokens": 1, "pid": 1}


class Process:
    """A web process, and its end of the channel: it answers each call, unless it is `silent`."""

    def __init__(self, reactor: Machine, channel: Any) -> None:
        self.pid = 0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusal: str | None = reactor.refusal
        self.silent = False
        self.has_ended = False
        self.report: dict[str, Any] = dict(REPORT)
        self._reactor = reactor
        self._reader = FrameReader()
        self._channel = channel
        self.seen_by: Any = None
        """The process as the control process sees it; None before it is started."""

    def names(self) -> list[str]:
        """Return the names of the calls that it has got, and forget them."""
        found = [name for name, _ in self.calls]
        self.calls.clear()
        return found

    def write(self, data: bytes) -> None:
        """Take frames."""
        for frame in self._reader.feed(data):
            number, name, arguments = read_call(frame.body)
            self.calls.append((name, arguments))
            if self.refusal is not None:
                reply = write_failure(number, "unavailable", self.refusal)
            else:
                reply = write_result(number, self.report if name == "report" else None)
            if not self.silent:
                self._reactor.callLater(0, self._channel.dataReceived, reply)

    def sendFileDescriptor(self, descriptor: int) -> None:  # noqa: N802
        """Check that the descriptor is open."""
        os.fstat(descriptor)

    def loseConnection(self) -> None:  # noqa: N802
        """Lose the channel, and end then."""
        self._reactor.callLater(0, self.end)
        if self._channel.is_open:
            self._channel.connectionLost(Failure(ConnectionDone()))

    abortConnection = loseConnection  # noqa: N815

    def signalProcess(self, number: int) -> None:  # noqa: N802
        """Be killed."""
        if self.has_ended:
            raise ProcessExitedAlready
        self._reactor.callLater(0, self.end)

    def end(self) -> None:
        """End, if it was started."""
        if not self.has_ended and self.seen_by is not None:
            self.has_ended = True
            self.seen_by.processEnded(Failure(ProcessDone(0)))


class Machine(Clock):
    """A reactor that starts processes in memory; they may be impossible to start."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[float] = []
        self.processes: list[Process] = []
        self.fault: OSError | None = None
        self.refusal: str | None = None

    def adoptStreamConnection(self, number: int, family: int, factory: Any) -> None:  # noqa: N802
        """Make the channel to the process that is started next."""
        channel = factory.buildProtocol(None)
        self.processes.append(Process(self, channel))
        channel.makeConnection(self.processes[-1])

    def spawnProcess(self, protocol: Any, *_: Any, **given: Any) -> Process:  # noqa: N802
        """Start a process."""
        self.started.append(self.seconds())
        if self.fault is not None:
            raise self.fault
        process = self.processes[-1]
        process.pid, process.seen_by = 1000 + len(self.processes), protocol
        protocol.makeConnection(process)
        return process

    def settle(self) -> None:
        """Do everything that needs no time."""
        self.pump([0.0] * 40)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, in small steps."""
        self.pump([STEP] * round(seconds / STEP))
        self.settle()

    def wait_for_start(self) -> float:
        """Let time pass until a process is started again; return for how many seconds."""
        before, count = self.seconds(), len(self.started)
        while len(self.started) == count:
            assert self.seconds() < before + 60
            self.advance(STEP)
        self.settle()
        return self.seconds() - before


class Commands:
    """The control process's ends of lanes."""

    def __init__(self) -> None:
        self.open_lanes: list[Callable[[str], None]] = []

    def open(self, reactor: Any, descriptor: int, closed: Callable[[str], None]) -> None:
        """Open a lane."""
        os.fstat(descriptor)
        self.open_lanes.append(closed)

    def close(self) -> None:
        """Close all lanes."""
        self.open_lanes.clear()


class Site:
    """A server with HTTP, whose tokens, certificate and state a test changes."""

    def __init__(self, folder: Path) -> None:
        file = folder / "failoverdns.yaml"
        file.write_text(CONFIG)
        self.machine = Machine()
        self.commands = Commands()
        self.checks = [check("a")]
        self.state = ServerState(True, "", 7)
        self.bundle: Bundle | None = None
        self._config = load_config(file)
        self.web = Web(self._config, Inherited({}), self.machine)
        vault = Vault(self._current, self._bundle)
        self._effects = WebEffects(
            self.commands, lambda: list(self.checks), vault, lambda: self.state
        )

    def start(self, settings: HTTPSettings | None = PLAIN) -> None:
        """Start."""
        self.web.start(self._prepared(settings), self._effects)
        self.machine.settle()

    def reload(self, settings: HTTPSettings | None) -> None:
        """Use another configuration."""
        self.web.adopt(self._prepared(settings))
        self.machine.settle()

    def change(self, *writes: Write) -> None:
        """Have a change of the state."""
        principal = Principal(PrincipalKind.TOKEN, "t", RemoteClient("192.0.2.7"), "token:t")
        self.web.announce(Change(8, 0.0, principal, {}, (), (), writes))
        self.machine.settle()

    def stop(self) -> None:
        """Stop."""
        self.reload(None)
        stopping = Deferred.fromCoroutine(self.web.stop())
        self.machine.settle()
        assert stopping.called

    @property
    def process(self) -> Process:
        """The process that was started last."""
        return self.machine.processes[-1]

    def _prepared(self, settings: HTTPSettings | None) -> PreparedWeb:
        return self.web.prepare(replace(self._config, http=settings))

    def _current(self, name: str) -> str | None:
        return self.bundle.id if self.bundle is not None and name == "shop" else None

    async def _bundle(self, id_: str) -> Bundle | None:
        return self.bundle


def check(id_: str) -> TokenCheck:
    """Return what the web process knows of a token."""
    return TokenCheck(id_, bytes(32), None)


def given(process: Process, name: str) -> list[dict[str, Any]]:
    """Return the arguments of the calls of a name."""
    return [arguments for called, arguments in process.calls if called == name]


def ask(site: Site, asking: Any) -> Any:
    """Return what the control process finds out of a process."""
    found: list[Any] = []
    Deferred.fromCoroutine(asking).addCallback(found.append)
    site.machine.settle()
    return found[0]
