"""A console: it carries out commands and returns the text that the command line prints for them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import redirect_stdout
from typing import Any

from control_effects import quiet_effects
from corridors import ZONE, Corridor
from driving import run
from replies import check_reply

from failoverdns.automation.observing import Observing, ObservingEffects
from failoverdns.automation.reports import Reports
from failoverdns.cli import rendering
from failoverdns.control.caller import Caller
from failoverdns.control.commanding import CommandCorridor
from failoverdns.control.language.commands import ROWS
from failoverdns.control.language.requests import read_request
from failoverdns.model.application import Application
from failoverdns.model.change import Json
from failoverdns.model.commands import Action, Mutation, ReadCommand
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.server import Configure, Status
from failoverdns.model.health import ProbeResult
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import EVERYTHING
from failoverdns.pki.anchors import NO_ANCHORS
from failoverdns.rules.derived.probe_targets import TallyKey

NOW = 1_800_000_000.0
"""The time at the start of a test: 2027-01-15T08:00:00Z."""


class Console:
    """A server that begins with the zone `failover.test` only.

    `see` sets the results of probes; `server` holds the fields that `status` reports of the server;
    `anchors` are the roots that clients are known to trust.
    """

    def __init__(self, settings: AutomationSettings) -> None:
        self.corridor = Corridor(now=NOW)
        self.server: dict[str, Json] = {}
        self.anchors = NO_ANCHORS
        self.hooks: list[Json] = []
        self.rights = EVERYTHING
        self._caller = Caller(unix_principal(0, 1, "pytest", "root"), lambda: self.rights)
        self.corridor.do(Configure((ZONE,), settings))
        self._observing = Observing(self, self._effects())
        self.corridor.listeners.append(self._observing.announce)
        self._reports = Reports(
            lambda: self.corridor.ledger.state,
            self._observing.learn,
            self._observing.settle,
            lambda: self.corridor.now,
            lambda: self.corridor.now,
        )
        effects = quiet_effects(
            self.corridor,
            hooks=lambda: self.hooks,
            server=self._server,
            automation=lambda: self.server.get("automation", {}),
            probing=self,
            anchors=lambda: self.anchors,
        )
        self._commands = CommandCorridor(self.corridor.ledger, self.corridor.store, effects)

    def reply(self, request: str | dict[str, Json]) -> dict[str, Any]:
        """Return the reply to a command line, or to named values."""
        text = request if isinstance(request, str) else json.dumps(request)
        read = read_request(text.encode())
        if isinstance(read.command, ReadCommand):
            lines: Iterable[bytes] = run(self._commands.read(read, self._caller))
        elif isinstance(read.command, Action):
            lines = run(self._commands.act(read, self._caller))
        else:
            replies: list[Iterable[bytes]] = []
            self._commands.change(read, self._caller, replies.append)
            (lines,) = replies
        found: dict[str, Any] = json.loads(b"".join(lines))
        if not isinstance(read.command, Status):  # it has what a test needs of the server only
            check_reply(str(read.given["command"]), found)
        return found

    def shown(self, request: str | dict[str, Json]) -> str:
        """Return the text printed for a command, which must succeed."""
        reply = self.reply(request)
        assert reply["ok"], reply
        words = request.split() if isinstance(request, str) else str(request["command"]).split()
        rows = (" ".join(words[:count]) for count in (2, 1))
        out = io.StringIO()
        with redirect_stdout(out):
            rendering.show(next(row for row in rows if row in ROWS), reply)
        return out.getvalue()

    def table(self, request: str) -> list[list[str]]:
        """Return the rows of the printed table, without its heading and the line below it."""
        lines = [line.split() for line in self.shown(request).splitlines() if line.strip()]
        return lines[2:]

    def do(self, *requests: str | dict[str, Json]) -> None:
        """Carry out commands, which must succeed."""
        for request in requests:
            reply = self.reply(request)
            assert reply["ok"], reply

    def see(self, application: str, check: str, result: ProbeResult) -> None:
        """Record the same result for every probe of an application's check, until it counts."""
        found = self.corridor.ledger.state.application_named(application)
        assert found is not None
        for head in found.heads:
            for address in head.addresses:
                key = TallyKey(found.id, head.name, check, address)
                for _ in range(3):
                    self._observing.learn(key, result)

    def last_seen(self, application: Application) -> list[Json]:
        """Report the last results of probes."""
        return self._observing.last_seen(application)

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Record a health report."""
        return await self._reports.take(report)

    def set_targets(self, targets: object) -> None:
        """Probe nothing: tests pass the results to `see`."""

    def is_fast(self, key: object) -> bool:
        """Return whether a target is probed fast; none is probed."""
        return False

    async def _server(self) -> dict[str, Json]:
        return self.server

    async def _submit(self, command: Mutation) -> None:
        self.corridor.do(command)

    def _effects(self) -> ObservingEffects:
        return ObservingEffects(
            state=lambda: self.corridor.ledger.state,
            submit=self._submit,
            spawn=self.corridor.gate.spawn,
            soon=lambda call: call(),
            addresses=lambda name: (),
            now=lambda: self.corridor.now,
            steady=lambda: self.corridor.now,
            log=lambda text: None,
        )
