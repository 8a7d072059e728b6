"""The control process's side of HTTP: one web process, configured, followed and replaced.

    http is configured -> its addresses are bound, and a process is started
                       -> it gets settings, certificate, tokens, lanes, and copies of the sockets
    a token changes    -> it gets the tokens again before that command is answered
    it ends            -> another one is started, after a pause that grows
    no http any more   -> it ends, and the addresses are closed

The listening sockets stay open meanwhile, so that connections wait and none is refused.  No command
and no query waits for the web process.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from failoverdns.model.change import Change, Json
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.settings import Config, HTTPSettings
from failoverdns.net.inherited import Inherited
from failoverdns.net.listeners import Listener, Listeners, close_listeners
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import HandedListener
from failoverdns.net.tls_material import TLSMaterial
from failoverdns.tallies import Kept
from failoverdns.web.calls import Call
from failoverdns.web.certificate import read_files, unusual
from failoverdns.web.interface import WebEffects
from failoverdns.web.process import PATIENCE, WebProcess
from failoverdns.web.reports import counted_in, read_report
from failoverdns.web.supplies import Supplies
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.growing_pause import GrowingPause
from failoverdns.workers.interface import CannotAnswer

STEADY: Final = 60.0
"""Seconds for which a process must have served, so that the next pause is a short one again."""

LOOK: Final = 0.2
"""Seconds between two looks whether queries are answered."""

CHECK: Final = 25
"""Looks between two checks that the process answers calls."""

REPORT_TIME: Final = 1.0
"""Seconds for which `status` waits for the process; without its report, `status` is shorter."""

KNOWN_TIME: Final = 1.0
"""Seconds for which the reply to a command on tokens waits until the process knows of it."""

log = Logger()


@dataclass(frozen=True, slots=True)
class PreparedWeb:
    """What was read and bound for another configuration; without `settings` HTTP is off."""

    settings: HTTPSettings | None
    material: TLSMaterial | None
    fresh: tuple[Listener, ...]


class Web:
    """Starts the web process, keeps it informed, and replaces it when it ends."""

    def __init__(self, config: Config, inherited: Inherited, reactor: Any) -> None:
        """Prepare; nothing is started before `start`."""
        self._control_socket = config.control.socket
        self._reactor = reactor
        self._listeners = Listeners(inherited, "http.listen")
        self._supplies: Supplies | None = None
        """What the process gets; None before `start`."""
        self._process: WebProcess | None = None
        self._pause = GrowingPause()
        self._began: float | None = None
        """When the process began to serve; None before."""
        self._looks = 0
        self._counted = Kept()
        """What the processes have counted, also those that have ended."""
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor

    def prepare(self, config: Config) -> PreparedWeb:
        """Read the files and bind the addresses of a configuration, without using them yet.

        Raises CannotListen; then nothing was changed.
        """
        settings = config.http
        if settings is None:
            return PreparedWeb(None, None, ())
        material = read_files(settings)
        return PreparedWeb(settings, material, self._listeners.prepare(settings.listen))

    def discard(self, prepared: PreparedWeb) -> None:
        """Close the sockets of a configuration that will not be used."""
        close_listeners(prepared.fresh)

    def start(self, prepared: PreparedWeb, effects: WebEffects) -> None:
        """Start the process if the configuration has `http`, and do not wait for it."""
        self._supplies = Supplies(
            self._reactor, effects, self._listeners, lambda process: process is self._process
        )
        self._looking.start(LOOK, now=False)
        self.adopt(prepared)

    def adopt(self, prepared: PreparedWeb) -> None:
        """Use another configuration from now on."""
        settings, supplies = prepared.settings, self._started
        supplies.use(settings, prepared.material)
        self._listeners.adopt(settings.listen if settings is not None else (), prepared.fresh)
        if settings is None:
            supplies.lanes.release()
            self._turn_off()
            return
        for text in unusual(settings, prepared.material, time.time()):
            log.warn("{text}", text=text)
        supplies.lanes.reserve()
        if self._process is None:
            self._launch()
        else:
            spawn(supplies.give_settings(self._process))

    def announce(self, change: Change) -> None:
        """Take up a change of the state: of the certificate, or of the tokens."""
        process = self._process
        if process is not None and process.is_serving:
            self._started.give_changed(process, change)

    async def tokens_known(self) -> None:
        """Send the tokens to the process if they changed, and wait a moment until it knows them.

        It refuses tokens that are gone then.  The control process refuses them at once, whatever
        the web process knows.
        """
        process = self._process
        if process is None or not process.is_serving:
            return
        self._started.give_tokens(process)
        asking = Deferred.fromCoroutine(process.call(Call.APPLIED, bound=PATIENCE))
        with suppress(Gone, Stuck, Rejected, TimeoutError):
            await asking.addTimeout(KNOWN_TIME, self._reactor)

    async def report(self) -> dict[str, Json] | None:
        """Return what the process reports of itself; None if HTTP is off."""
        settings = self._settings
        if settings is None:
            return None
        found: dict[str, Json] = {}
        process = self._process
        is_serving = process is not None and process.is_serving
        if process is not None and is_serving:
            asking = Deferred.fromCoroutine(process.call(Call.REPORT, bound=PATIENCE))
            with suppress(Gone, Stuck, Rejected, TimeoutError):
                try:
                    found = read_report(await asking.addTimeout(REPORT_TIME, self._reactor))
                except Malformed as fault:
                    process.distrust(str(fault))
                self._counted.note(process, counted_in(found))
        return {
            "serving": is_serving,
            "addresses": [str(one.address) for one in self._listeners.bound],
            "tls": settings.is_tls,
            "certificate": self._started.material is not None,
            **found,
            **({"pid": process.pid} if process is not None and found else {}),
        }

    async def statistics(self) -> dict[str, Json] | None:
        """Return what `report` does, and all counts since the start as `counted`."""
        report = await self.report()
        return {**report, "counted": {**self._counted.total()}} if report is not None else None

    def log_addresses(self) -> None:
        """Log the addresses at which HTTP is served."""
        settings = self._settings
        scheme = "HTTPS" if settings is not None and settings.is_tls else "HTTP"
        for one in self._listeners.bound:
            log.info("{scheme} on {address}", scheme=scheme, address=str(one.address))

    def hand_over(self) -> list[HandedListener]:
        """Return the sockets for the next program; call `stop` afterwards."""
        return self._listeners.copies()

    async def stop(self) -> None:
        """End the process, and close the addresses."""
        if self._looking.running:
            self._looking.stop()
        process, self._process = self._process, None
        if self._supplies is not None:
            self._supplies.use(None, None)
        if process is not None:
            await process.end()
        if self._supplies is not None:
            self._supplies.lanes.close_all()
        self._listeners.adopt((), ())

    def _turn_off(self) -> None:
        """End the process, because HTTP is off."""
        process, self._process = self._process, None
        if process is not None:
            spawn(self._end(process))

    async def _end(self, process: WebProcess) -> None:
        await process.end()
        self._counted.end(process)
        if self._process is None:
            self._started.lanes.close_all()

    def _launch(self) -> None:
        """Start a process; what it needs is sent meanwhile."""
        process = WebProcess(self._reactor, self._ended)
        try:
            process.start(self._control_socket)
        except CannotAnswer as fault:
            log.error("{fault}", fault=str(fault))
            self._replace_later()
            return
        self._process = process
        spawn(self._fill(process))

    async def _fill(self, process: WebProcess) -> None:
        """Give a process what it needs, until it serves."""
        try:
            await self._started.give_all(process)
        except (Gone, Stuck):
            return
        except Rejected as refusal:
            log.error("the web process cannot be used: {why}", why=refusal.message)
            process.kill()
            return
        if process.is_serving:
            self._began = self._reactor.seconds()
            log.info("HTTP is served by process {pid}", pid=process.pid)

    def _look(self) -> None:
        """Send whether queries are answered, if that changed; check the process in a while."""
        process = self._process
        if process is None or not process.is_serving:
            return
        self._started.give_state(process)
        self._looks = (self._looks + 1) % CHECK
        if self._looks == 0:
            process.check()
            spawn(self._note_counts())

    async def _note_counts(self) -> None:
        await self.report()

    def _ended(self, process: WebProcess) -> None:
        if process is not self._process:
            return
        self._process = None
        self._counted.end(process)
        self._started.lanes.close_all()
        text = "web process {pid} has ended; another one takes its place"
        log.error(text, pid=process.pid)
        began, self._began = self._began, None
        if began is not None and self._reactor.seconds() - began >= STEADY:
            self._pause.reset()
        self._replace_later()

    def _replace_later(self) -> None:
        spawn(self._replace(self._pause.take()))

    async def _replace(self, pause: float) -> None:
        await deferLater(self._reactor, pause)
        if self._process is None and self._settings is not None:
            self._launch()

    @property
    def _started(self) -> Supplies:
        assert self._supplies is not None
        return self._supplies

    @property
    def _settings(self) -> HTTPSettings | None:
        return self._supplies.settings if self._supplies is not None else None
