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

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from failoverdns.model.change import Change, Json
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.settings import Config, HTTPSettings
from failoverdns.model.token import Token, TokenCheck
from failoverdns.net.descriptors import OURS
from failoverdns.net.inherited import Inherited
from failoverdns.net.listeners import Listener, Listeners, close_listeners
from failoverdns.net.spawning import spawn
from failoverdns.net.succession import HandedListener
from failoverdns.net.tls_material import TLSMaterial
from failoverdns.tallies import Kept
from failoverdns.web.calls import LANES, Call, ServerState, write_checks, write_state
from failoverdns.web.certificate import Vault, VaultCertificate, names_of, read_files, unusual
from failoverdns.web.process import PATIENCE, WebProcess
from failoverdns.web.reports import counted_in, read_report
from failoverdns.web.settings import make_web_settings, write_settings
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import PROTOCOL, write_address, write_material
from failoverdns.workers.interface import CannotAnswer

PAUSE: Final = 0.5
"""Seconds before a process that has ended is replaced; twice as long each time, if they go on."""

MOST_PAUSE: Final = 30.0
"""Seconds of the longest pause."""

STEADY: Final = 60.0
"""Seconds for which a process must have served, so that the next pause is a short one again."""

STARTING: Final = 120.0
"""Seconds in which a process must answer its first call: others may use the processors."""

LOOK: Final = 0.2
"""Seconds between two looks whether queries are answered."""

CHECK: Final = 25
"""Looks between two checks that the process answers calls."""

REPORT_TIME: Final = 1.0
"""Seconds for which `status` waits for the process; without its report, `status` is shorter."""

KNOWN_TIME: Final = 1.0
"""Seconds for which the reply to a command on tokens waits until the process knows of it."""

NEW_LANE: Final = 0.02
"""Seconds before a lane that ended is replaced."""

WANT: Final = "lanes of the web process"
"""Name of the open files that lanes need."""

log = Logger()


class Lanes(Protocol):
    """The control process's ends of all lanes (`control.web_lane`)."""

    def open(self, reactor: Any, descriptor: int, closed: Callable[[str], None]) -> None:
        """Serve a lane at a connected socket; `closed` is called when it has ended.

        It gets in words how the web process broke the protocol, or an empty text.
        """

    def close(self) -> None:
        """Close every lane."""


@dataclass(frozen=True, slots=True)
class WebEffects:
    """What the web process needs of the server, while that runs."""

    lanes: Lanes
    checks: Callable[[], list[TokenCheck]]
    """Returns the check values of all tokens."""
    vault: Vault
    state: Callable[[], ServerState]
    """Returns whether queries are answered, and the revision."""


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
        self._effects: WebEffects | None = None
        self._settings: HTTPSettings | None = None
        self._material: TLSMaterial | None = None
        self._followed: VaultCertificate | None = None
        self._process: WebProcess | None = None
        self._failures = 0
        self._began = 0.0
        self._known: list[TokenCheck] | None = None
        """The check values that were sent last."""
        self._state = ServerState()
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
        self._effects = effects
        self._looking.start(LOOK, now=False)
        self.adopt(prepared)

    def adopt(self, prepared: PreparedWeb) -> None:
        """Use another configuration from now on."""
        settings, before = prepared.settings, self._settings
        self._settings = settings
        self._listeners.adopt(settings.listen if settings is not None else (), prepared.fresh)
        if settings is None:
            self._turn_off()
            return
        for text in unusual(settings, prepared.material, time.time()):
            log.warn("{text}", text=text)
        OURS.want(WANT, len(LANES), used=lambda: len(LANES), changed=lambda _: None)
        if settings.application is None:
            self._followed, self._material = None, prepared.material
        elif before is None or before.application != settings.application:
            assert self._effects is not None
            self._followed = VaultCertificate(self._effects.vault, settings.application)
            self._material = None
        if self._process is None:
            self._launch()
        else:
            spawn(self._change(self._process))

    def announce(self, change: Change) -> None:
        """Take up a change of the state: of the certificate, or of the tokens."""
        process = self._process
        if process is None or not process.is_serving:
            return
        if self._followed is not None and not self._followed.is_current:
            spawn(self._change(process))
        if any(isinstance(write.after or write.before, Token) for write in change.writes):
            self._send_checks(process)

    async def tokens_known(self) -> None:
        """Send the tokens to the process if they changed, and wait a moment until it knows them.

        It refuses tokens that are gone then.  The control process refuses them at once, whatever
        the web process knows.
        """
        process = self._process
        if process is None or not process.is_serving:
            return
        self._send_checks(process)
        asking = Deferred.fromCoroutine(process.call(Call.APPLIED, bound=PATIENCE))
        with suppress(Gone, Stuck, Rejected, TimeoutError):
            await asking.addTimeout(KNOWN_TIME, self._reactor)

    async def report(self) -> dict[str, Json] | None:
        """Return what the process reports of itself; None if HTTP is off."""
        if self._settings is None:
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
            "tls": self._settings.is_tls,
            "certificate": self._material is not None,
            **found,
            **({"pid": process.pid} if process is not None and found else {}),
        }

    async def statistics(self) -> dict[str, Json] | None:
        """Return what `report` does, and all counts since the start as `counted`."""
        report = await self.report()
        return {**report, "counted": {**self._counted.total()}} if report is not None else None

    def log_addresses(self) -> None:
        """Log the addresses at which HTTP is served."""
        scheme = "HTTPS" if self._settings is not None and self._settings.is_tls else "HTTP"
        for one in self._listeners.bound:
            log.info("{scheme} on {address}", scheme=scheme, address=str(one.address))

    def hand_over(self) -> list[HandedListener]:
        """Return the sockets for the next program; call `stop` afterwards."""
        return self._listeners.copies()

    async def stop(self) -> None:
        """End the process, and close the addresses."""
        if self._looking.running:
            self._looking.stop()
        self._settings, process = None, self._process
        self._process = None
        if process is not None:
            await process.end()
        if self._effects is not None:
            self._effects.lanes.close()
        self._listeners.adopt((), ())

    def _turn_off(self) -> None:
        """End the process, because HTTP is off."""
        self._followed = self._material = None
        OURS.forget(WANT)
        process, self._process = self._process, None
        if process is not None:
            spawn(self._end(process))

    async def _end(self, process: WebProcess) -> None:
        await process.end()
        if self._process is None and self._effects is not None:
            self._effects.lanes.close()

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
        """Configure a process, and give it tokens, lanes and sockets."""
        try:
            await self._configure(process, STARTING)
            checks = self._known = self._effects_now.checks()
            await process.call(Call.TOKENS, {"tokens": write_checks(checks)}, bound=PATIENCE)
        except (Gone, Stuck):
            return
        except Rejected as refusal:
            log.error("the web process cannot be used: {why}", why=refusal.message)
            process.kill()
            return
        if process is not self._process:
            return
        for number in range(len(LANES)):
            self._open_lane(process, number)
        self._state = self._effects_now.state()
        process.call_later(Call.STATE, write_state(self._state))
        process.is_serving = True
        self._arrange(process)
        self._began = self._reactor.seconds()
        log.info("HTTP is served by process {pid}", pid=process.pid)

    async def _change(self, process: WebProcess) -> None:
        """Have a process use what has changed in the configuration, or in the vault."""
        with suppress(Gone, Stuck, Rejected):
            await self._configure(process)
        if process.is_serving:
            self._arrange(process)

    async def _configure(self, process: WebProcess, bound: float = PATIENCE) -> None:
        """Send settings, certificate and key; raises Gone, Stuck or Rejected.

        The process is killed if it does not answer in `bound` seconds.
        """
        followed = self._followed
        if followed is not None:
            material = await followed.read()
            if material is not None and followed is self._followed:
                self._material = material
        settings = self._settings
        if settings is None:
            return
        material = self._material
        arguments = {
            "settings": write_settings(make_web_settings(settings, names_of(material))),
            "protocol": PROTOCOL,
            "material": write_material(material) if material is not None else None,
        }
        await process.call(Call.CONFIGURE, arguments, bound=bound)

    def _arrange(self, process: WebProcess) -> None:
        """Have a process listen on all sockets, and on no others."""
        bound = {one.number: one for one in self._listeners.bound}
        if closing := sorted(process.open - bound.keys()):
            process.call_later(Call.CLOSE, {"numbers": closing})
        fresh = [one for number, one in bound.items() if number not in process.open]
        if fresh:
            written = [[one.number, *write_address(one.asked)] for one in fresh]
            descriptors = [one.socket.fileno() for one in fresh]
            process.call_later(Call.OPEN, {"sockets": written}, descriptors)
        process.open = set(bound)

    def _open_lane(self, process: WebProcess, number: int) -> None:
        """Connect the process with the command corridor, in place of a lane that has ended."""
        if process is not self._process:
            return
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with ours, theirs:
            closed = partial(self._lane_closed, process, number)
            self._effects_now.lanes.open(self._reactor, ours.fileno(), closed)
            process.call_later(
                Call.LANES, {"lanes": [[number, LANES[number].value]]}, [theirs.fileno()]
            )

    def _lane_closed(self, process: WebProcess, number: int, fault: str) -> None:
        """Replace a lane that has ended, unless the process ends lanes as none of ours would."""
        if not process.is_serving:
            return
        why = f"it sent {fault} on a lane" if fault else ""
        if not why and not process.lane_ends.take(self._reactor.seconds()):
            why = "it closes one lane after another"
        if why:
            process.is_serving = False
            process.distrust(why)
        else:
            self._reactor.callLater(NEW_LANE, self._open_lane, process, number)

    def _send_checks(self, process: WebProcess) -> None:
        """Send the check values of all tokens, if they are others than before."""
        checks = self._effects_now.checks()
        if checks != self._known:
            self._known = checks
            process.call_later(Call.TOKENS, {"tokens": write_checks(checks)})

    def _look(self) -> None:
        """Send whether queries are answered, if that changed; check the process in a while."""
        process = self._process
        if process is None or not process.is_serving:
            return
        state = self._effects_now.state()
        if (state.ready, state.why) != (self._state.ready, self._state.why):
            self._state = state
            process.call_later(Call.STATE, write_state(state))
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
        self._effects_now.lanes.close()
        text = "web process {pid} has ended; another one takes its place"
        log.error(text, pid=process.pid)
        if self._reactor.seconds() - self._began >= STEADY:
            self._failures = 0
        self._replace_later()

    def _replace_later(self) -> None:
        pause = min(MOST_PAUSE, PAUSE * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        spawn(self._replace(pause))

    async def _replace(self, pause: float) -> None:
        await deferLater(self._reactor, pause)
        if self._process is None and self._settings is not None:
            self._launch()

    @property
    def _effects_now(self) -> WebEffects:
        assert self._effects is not None
        return self._effects
