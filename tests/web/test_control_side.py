"""The control process keeps a web process: it is replaced when it ends, and knows what it must.

The processes are in memory.  They get the frames that real ones get, and answer each call.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from authority import Authority, make_authority
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ProcessDone, ProcessExitedAlready
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from failoverdns.config import load_config
from failoverdns.model.certificate import Bundle, Secret
from failoverdns.model.change import Change, Write
from failoverdns.model.principal import Principal, PrincipalKind, RemoteClient
from failoverdns.model.roles import Role
from failoverdns.model.settings import HTTPSettings, ListenAddress
from failoverdns.model.token import Token, TokenCheck
from failoverdns.net.inherited import Inherited
from failoverdns.web.calls import LANES, ServerState
from failoverdns.web.certificate import Vault
from failoverdns.web.control_side import PreparedWeb, Web
from failoverdns.web.interface import WebEffects
from failoverdns.web.process import LANE_ENDS
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
    return TokenCheck(id_, bytes(32), None)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


def given(process: Process, name: str) -> list[dict[str, Any]]:
    """Return the arguments of the calls of a name."""
    return [arguments for called, arguments in process.calls if called == name]


def test_a_process_gets_what_it_needs_and_then_the_sockets(site: Site) -> None:
    """Clients connect when requests can be answered: the sockets come last."""
    site.start()
    assert site.process.names() == [
        "configure", "tokens", *["lanes"] * len(LANES), "state", "open",
    ]  # fmt: skip
    assert len(site.commands.open_lanes) == len(LANES)


def test_a_process_that_ends_is_replaced_after_a_pause_that_grows(site: Site) -> None:
    """One that ends as soon as it serves does not take the time of the others."""
    site.start()
    pauses = []
    for _ in range(8):
        site.process.end()
        assert site.commands.open_lanes == []
        pauses.append(site.machine.wait_for_start())
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_process_that_never_serves_is_started_less_and_less_often(site: Site) -> None:
    """It does not matter that the one before it served for a day."""
    site.start()
    site.machine.pass_time(60)
    site.machine.refusal = "another version"
    site.process.end()
    assert [site.machine.wait_for_start() for _ in range(4)] == [0.5, 1, 2, 4]


def test_a_program_that_cannot_be_started_is_tried_again(site: Site) -> None:
    site.machine.fault = OSError("no memory")
    site.start()
    assert [site.machine.wait_for_start() for _ in range(3)] == [0.5, 1, 2]
    site.machine.fault = None
    site.machine.wait_for_start()
    assert ask(site, site.web.report())["serving"]


def test_after_a_minute_of_service_the_pause_is_short_again(site: Site) -> None:
    site.start()
    for _ in range(3):
        site.process.end()
        site.machine.wait_for_start()
    site.machine.pass_time(60)
    site.process.end()
    assert site.machine.wait_for_start() == 0.5


def test_without_http_no_process_is_started_and_one_that_runs_is_ended(site: Site) -> None:
    site.start(None)
    assert site.machine.started == []
    site.reload(PLAIN)
    assert len(site.machine.started) == 1
    site.process.calls.clear()
    site.reload(None)
    assert site.process.names() == ["retire"]
    assert site.process.has_ended
    site.machine.pass_time(60)
    assert len(site.machine.started) == 1


def test_tokens_are_sent_before_a_command_that_changes_them_is_answered(site: Site) -> None:
    """A client may use its token as soon as it has it."""
    site.start()
    site.process.calls.clear()
    site.checks.append(check("b"))
    site.process.silent = True
    knowing = Deferred.fromCoroutine(site.web.tokens_known())
    site.machine.settle()
    assert site.process.names() == ["tokens", "applied"]
    assert not knowing.called
    site.machine.pass_time(1)
    assert knowing.called, "a process that is silent holds up the reply for a second only"


def test_tokens_are_sent_when_they_change_and_not_otherwise(site: Site) -> None:
    site.start()
    site.process.calls.clear()
    token = Token("b", "bot", Role.VIEWER, None, None, "00" * 32, 0.0)
    site.change(Write(None, token))
    assert site.process.names() == []
    site.checks.append(check("b"))
    site.change()
    assert site.process.names() == []
    site.change(Write(None, token))
    ((_, arguments),) = site.process.calls
    assert [id_ for id_, *_ in arguments["tokens"]] == ["a", "b"]


def test_a_change_of_readiness_is_sent_once(site: Site) -> None:
    """A new revision alone is not sent: each commit would wake the process."""
    site.start()
    site.process.calls.clear()
    site.state = ServerState(True, "", 8)
    site.machine.pass_time(1)
    assert given(site.process, "state") == []
    site.state = ServerState(False, "the disk is full", 8)
    site.machine.pass_time(1)
    (sent,) = given(site.process, "state")
    assert (sent["ready"], sent["why"]) == (False, "the disk is full")


def test_a_certificate_of_the_vault_is_sent_again_when_it_is_another_one(
    site: Site, authority: Authority
) -> None:
    site.start(OF_SHOP)
    (sent,) = given(site.process, "configure")
    assert sent["material"] is None
    for id_ in ("first", "second"):
        issued = authority.issue(f"{id_}.shop.example")
        site.bundle = Bundle(id_, issued.chain, Secret(issued.key))
        site.process.calls.clear()
        site.change()
        (sent,) = given(site.process, "configure")
        assert sent["material"]["certificate"] == issued.chain
        site.process.calls.clear()
        site.change()
        assert site.process.names() == []


def test_a_lane_that_ends_is_replaced(site: Site) -> None:
    site.start()
    site.process.calls.clear()
    site.commands.open_lanes[2]("")
    site.machine.pass_time(0.125)
    (sent,) = given(site.process, "lanes")
    assert sent["lanes"] == [[2, LANES[2].value]]


def test_a_process_that_breaks_the_protocol_of_lanes_is_replaced(site: Site) -> None:
    site.start()
    first = site.process
    site.commands.open_lanes[2]("a line that is too long")
    site.machine.settle()
    assert first.has_ended
    assert site.machine.wait_for_start() == 0.5


def test_a_process_that_closes_lane_after_lane_is_replaced(site: Site) -> None:
    """Each new lane costs the control process work, and a line in the log."""
    site.start()
    first = site.process
    for _ in range(int(LANE_ENDS * 20) + 1):
        assert not first.has_ended
        site.commands.open_lanes[-1]("")
        site.machine.settle()
    assert first.has_ended


def test_counts_of_processes_that_have_ended_stay_in_the_sum(site: Site) -> None:
    """Counters of Prometheus never go back."""
    site.start()
    for _ in range(2):
        assert ask(site, site.web.statistics())["requests"] == {"2xx": 3}
        site.process.end()
        site.machine.wait_for_start()
    counted = ask(site, site.web.statistics())["counted"]
    assert counted == {"requests.2xx": 9, "refused_tokens": 3}


def test_a_report_that_cannot_be_believed_costs_the_process_its_life(site: Site) -> None:
    """Its status is shown without it."""
    site.start()
    site.process.report = {"requests": "many"}
    assert "requests" not in ask(site, site.web.report())
    assert site.process.has_ended


def test_a_process_that_does_not_answer_is_killed(site: Site) -> None:
    site.start()
    site.process.silent = True
    first = site.process
    site.machine.pass_time(26)
    assert first.has_ended


def ask(site: Site, asking: Any) -> Any:
    """Return what the control process finds out of a process."""
    found: list[Any] = []
    Deferred.fromCoroutine(asking).addCallback(found.append)
    site.machine.settle()
    return found[0]
