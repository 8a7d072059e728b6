"""What the control process gives to the web process, at its start and at each change.

    settings, certificate   at the start, after a reload, and when the vault has another one
    tokens                  at the start, and before a command that changes them is answered
    lanes                   at the start, and another one for each that ends
    listening sockets       at the start, and after a reload
    state of the server     at the start, and when queries are answered, or are not any more

Which process serves, and when it is replaced, is decided in `web.control_side`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from failoverdns.model.change import Change
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import HTTPSettings
from failoverdns.model.token import Token, TokenCheck
from failoverdns.net.listeners import Listeners
from failoverdns.net.spawning import spawn
from failoverdns.net.tls_material import TLSMaterial
from failoverdns.web.calls import Call, ServerState, write_checks, write_state
from failoverdns.web.certificate import VaultCertificate, names_of
from failoverdns.web.interface import WebEffects
from failoverdns.web.lane_opening import LaneOpening
from failoverdns.web.process import PATIENCE, WebProcess
from failoverdns.web.settings import make_web_settings, write_settings
from failoverdns.workers.called_process import Gone, Stuck
from failoverdns.workers.calls import PROTOCOL, write_address, write_material

STARTING: Final = 120.0
"""Seconds in which a process must answer its first call: others may use the processors."""


class Supplies:
    """Everything that the web process needs, as it was given last."""

    def __init__(
        self,
        reactor: Any,
        effects: WebEffects,
        listeners: Listeners,
        is_present: Callable[[WebProcess], bool],
    ) -> None:
        """Begin without settings, so that there is nothing to give before `use`.

        `listeners` are bound by the caller.  `is_present` returns whether a process is the one
        that serves, and not an earlier one.
        """
        self.settings: HTTPSettings | None = None
        """None if HTTP is off."""
        self.material: TLSMaterial | None = None
        """The certificate of HTTPS and its key, if there is one."""
        self.lanes = LaneOpening(reactor, effects.lanes, is_present)
        self._effects = effects
        self._listeners = listeners
        self._is_present = is_present
        self._followed: VaultCertificate | None = None
        self._known: list[TokenCheck] | None = None
        """The check values that were given last."""
        self._state = ServerState()
        """The state of the server that was given last."""

    def use(self, settings: HTTPSettings | None, material: TLSMaterial | None) -> None:
        """Use other settings, and the certificate in files that they name; None turns HTTP off."""
        before, self.settings = self.settings, settings
        if settings is None:
            self._followed = self.material = None
        elif settings.application is None:
            self._followed, self.material = None, material
        elif before is None or before.application != settings.application:
            self._followed = VaultCertificate(self._effects.vault, settings.application)
            self.material = None

    async def give_all(self, process: WebProcess) -> None:
        """Give a new process all that it needs, so that it serves.

        Raises Gone, Stuck or Rejected.
        """
        await self._configure(process, STARTING)
        checks = self._known = self._effects.checks()
        await process.call(Call.TOKENS, {"tokens": write_checks(checks)}, bound=PATIENCE)
        if not self._is_present(process):
            return
        self.lanes.open_all(process)
        self._state = self._effects.state()
        process.call_later(Call.STATE, write_state(self._state))
        process.is_serving = True
        self._give_sockets(process)

    async def give_settings(self, process: WebProcess) -> None:
        """Give settings, certificate and sockets again, because some of them have changed."""
        with suppress(Gone, Stuck, Rejected):
            await self._configure(process, PATIENCE)
        if process.is_serving:
            self._give_sockets(process)

    def give_changed(self, process: WebProcess, change: Change) -> None:
        """Give what a change of the state replaces: the certificate, or the tokens."""
        if self._followed is not None and not self._followed.is_current:
            spawn(self.give_settings(process))
        if any(isinstance(write.after or write.before, Token) for write in change.writes):
            self.give_tokens(process)

    def give_tokens(self, process: WebProcess) -> None:
        """Give the check values of all tokens, if they are others than before."""
        checks = self._effects.checks()
        if checks != self._known:
            self._known = checks
            process.call_later(Call.TOKENS, {"tokens": write_checks(checks)})

    def give_state(self, process: WebProcess) -> None:
        """Give the state of the server, if queries are answered and were not, or the reverse."""
        state = self._effects.state()
        if (state.ready, state.why) != (self._state.ready, self._state.why):
            self._state = state
            process.call_later(Call.STATE, write_state(state))

    async def _configure(self, process: WebProcess, bound: float) -> None:
        """Send settings, certificate and key; raises Gone, Stuck or Rejected.

        The process is killed if it does not answer in `bound` seconds.
        """
        followed = self._followed
        if followed is not None:
            material = await followed.read()
            if material is not None and followed is self._followed:
                self.material = material
        settings, material = self.settings, self.material
        if settings is None:
            return
        arguments = {
            "settings": write_settings(make_web_settings(settings, names_of(material))),
            "protocol": PROTOCOL,
            "material": write_material(material) if material is not None else None,
        }
        await process.call(Call.CONFIGURE, arguments, bound=bound)

    def _give_sockets(self, process: WebProcess) -> None:
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
