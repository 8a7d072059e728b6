"""The web process without sockets: its connections, its lanes, and a small control process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from failoverdns.model.token import ENTROPY, TokenCheck, TokenText, check_of, new_token
from failoverdns.web.admission import Admission
from failoverdns.web.bodies import BodyMemory
from failoverdns.web.calls import LANES, LaneKind, ServerState
from failoverdns.web.event_lane import EventLane
from failoverdns.web.events import Streams
from failoverdns.web.lanes import Lane, Lanes
from failoverdns.web.metrics_page import Render
from failoverdns.web.responding import Responses
from failoverdns.web.routes import Parts, Routes, Serve66
from failoverdns.web.server import WebServer
from failoverdns.web.static_files import StaticFiles, static_file

NOW = 1_800_000_000.0
"""The time of day when a test begins."""


class Wire(StringTransport):
    """A transport that notes how it is closed, and can be full."""

    def __init__(self, host: str = "192.0.2.7") -> None:
        kind = IPv6Address if ":" in host else IPv4Address
        super().__init__(peerAddress=kind("TCP", host, 40000))
        self.aborted = False
        self.room: int | None = None
        """Bytes that fit, so that whoever writes more is to stop; None for any number."""

    def abortConnection(self) -> None:  # noqa: N802
        """Close at once."""
        self.aborted = self.disconnecting = True

    def write(self, data: bytes) -> None:
        """Take bytes, and let whoever writes stop if there is no room for more."""
        super().write(data)
        if self.room is not None and len(self.value()) > self.room:
            self.fill()

    def writeSequence(self, data: Iterable[bytes]) -> None:  # noqa: N802
        """Take pieces, as `write` does."""
        self.write(b"".join(data))

    def take(self) -> bytes:
        """Return what was written, and forget it."""
        found = bytes(self.value())
        self.clear()
        return found

    def fill(self) -> None:
        """Let whoever writes stop, because nothing is read."""
        assert self.producer is not None
        self.producer.pauseProducing()

    def drain(self) -> None:
        """Let whoever writes go on."""
        assert self.producer is not None
        self.producer.resumeProducing()


@dataclass(frozen=True)
class Got:
    """A response as a client reads it."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, from JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of the error."""
        return str(self.json["error"]["code"])


def no_metrics(*_: Any) -> Any:
    """Fail: a test that asks for metrics says how they look."""
    raise AssertionError("this test asks for no metrics")


async def no_cloud66(*_: Any) -> Any:
    """Fail: a test that asks in Cloud 66's shapes says who answers."""
    raise AssertionError("this test asks for nothing of Cloud 66")


class Connection:
    """One client."""

    def __init__(self, web: Web, host: str) -> None:
        self.web = web
        self.wire = Wire(host)
        self.channel: Any = web.server.buildProtocol(self.wire.getPeer())
        if self.channel is not None:
            self.channel.makeConnection(self.wire)

    def send(self, data: bytes) -> None:
        """Send bytes, and let the control process do what it is asked."""
        self.channel.dataReceived(data)
        self.web.go()

    def got(self) -> list[Got]:
        """Return the responses that have arrived; the last one may be a part of one."""
        return read_responses(self.wire.take())

    def leave(self) -> None:
        """Close the connection, as the client."""
        self.channel.connectionLost(Failure(ConnectionDone()))


class Web:
    """A web process, with all lanes, and one token."""

    def __init__(
        self,
        static: Path = Path("/nonexistent"),
        render: Render = no_metrics,
        cloud66: Serve66 = no_cloud66,
    ) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.held = BodyMemory(self.clock.seconds)
        self.admission = Admission(self.clock.seconds, lambda: NOW + self.clock.seconds() - 1000)
        self.lanes = Lanes(self.clock, self.held)
        self.streams = Streams(self.clock)
        self.state = ServerState(True, "", 42)
        self.responses = Responses(self.clock, self.held)
        made = Parts(
            self.admission,
            self.lanes,
            self.streams,
            self.responses,
            StaticFiles(static),
            lambda: self.state,
            static_file("application/json", b"{}\n"),
            render=render,
            cloud66=cloud66,
        )
        self.server = WebServer(self.clock, self.admission, Routes(made, self.clock))
        for part in (self.lanes, self.streams, self.responses):
            part.start()
        self.token = self.add_token(b"a")
        self.revision = 42
        self.asked: list[tuple[dict[str, Any], dict[str, Any]]] = []
        """What the control process was asked: the callers, and the requests."""
        self.answers: dict[str, Callable[[dict[str, Any]], Any]] = {}
        """The results of commands; a result that is None is not sent."""
        self._wires: list[tuple[Lane, Wire]] = []
        for kind in LANES:
            if kind is not LaneKind.EVENTS:
                self.add_lane(kind)
        streams = self.streams
        self.event_lane = EventLane(streams.begin, streams.take, streams.lost)
        self.event_lane.makeConnection(Wire())
        self.event_lane.dataReceived(b'{"ok": true, "revision": 42, "result": {}}\n')

    def add_token(self, seed: bytes, expires: float | None = None) -> TokenText:
        """Accept one token more."""
        token = new_token((seed * ENTROPY)[:ENTROPY])
        known = list(self.admission.tokens._checks.values())
        self.admission.tokens.adopt([*known, TokenCheck(token.id, check_of(token.digest), expires)])
        return token

    def add_lane(self, kind: LaneKind) -> Lane:
        """Connect one lane more."""
        lane, wire = Lane(kind, self.lanes), Wire()
        self._wires.append((lane, wire))
        lane.makeConnection(wire)
        return lane

    def go(self) -> None:
        """Carry out what was asked, until nothing more is asked."""
        self.clock.advance(0)
        while any(self._carry_out(lane, wire) for lane, wire in self._wires):
            self.clock.advance(0)

    def reply(self, lane: Lane, line: bytes) -> None:
        """Send a reply, or a part of one, on a lane."""
        lane.dataReceived(line)

    def busy_lanes(self) -> list[Lane]:
        """Return the lanes with a request under way."""
        return [lane for lane, _ in self._wires if lane.request is not None]

    def break_lane(self, lane: Lane) -> None:
        """End a lane, as the control process."""
        self._wires = [one for one in self._wires if one[0] is not lane]
        lane.connectionLost()

    def event(self, line: Mapping[str, Any]) -> None:
        """Send an event to the web process."""
        self.event_lane.dataReceived(json.dumps(line).encode() + b"\n")

    def connect(self, host: str = "192.0.2.7") -> Connection:
        """Return a new connection."""
        return Connection(self, host)

    def ask(
        self,
        target: str,
        body: Any = None,
        *,
        method: str | None = None,
        host: str = "192.0.2.7",
        token: TokenText | bool | None = True,
        **fields: str,
    ) -> Got:
        """Send one request on a new connection, and return its response."""
        connection = self.connect(host)
        connection.send(self.request(target, body, method=method, token=token, **fields))
        (got,) = connection.got()
        return got

    def request(
        self,
        target: str,
        body: Any = None,
        *,
        method: str | None = None,
        token: TokenText | bool | None = True,
        **fields: str,
    ) -> bytes:
        """Return a request as bytes; a body that is not bytes is written as JSON."""
        given = {"host": "localhost", **{name.replace("_", "-"): v for name, v in fields.items()}}
        shown = self.token if token is True else token
        if isinstance(shown, TokenText):
            given["authorization"] = f"Bearer {shown.text}"
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        if data:
            given = {"content-type": "application/json", "content-length": str(len(data)), **given}
        first = f"{method or ('GET' if body is None else 'POST')} {target} HTTP/1.1"
        head = "\r\n".join((first, *(f"{name}: {value}" for name, value in given.items())))
        return head.encode() + b"\r\n\r\n" + data

    def _carry_out(self, lane: Lane, wire: Wire) -> bool:
        written = wire.take()
        if not written:
            return False
        caller, request = map(json.loads, written.splitlines())
        self.asked.append((caller, request))
        result = self.answers.get(request["command"], lambda request: {})(request)
        if result is None:
            return False
        head = {"ok": True, **({"id": request["id"]} if "id" in request else {})}
        reply = {**head, "revision": self.revision, "result": result}
        line = json.dumps(result if "ok" in result else reply).encode() + b"\n"
        lane.dataReceived(line)
        return True


def read_responses(data: bytes) -> list[Got]:
    """Return the responses in some bytes, without the coding of the transfer."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        fields = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        if status == 100:
            continue
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while data:
                size, _, data = data.partition(b"\r\n")
                body, data = body + data[: int(size, 16)], data[int(size, 16) + 2 :]
                if size == b"0":
                    break
        else:
            length = int(fields.get("content-length", 0))
            body, data = data[:length], data[length:]
        found.append(Got(status, fields, body))
    return found
