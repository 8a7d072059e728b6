"""What a configuration offers to strangers: addresses, and terms; exchanged whole on reload.

Refuses to know who answers: whoever does is told when the terms change.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.answering.settings import ROTATION, WorkerSettings, make_agreement, rotated
from failoverdns.model.settings import Config
from failoverdns.net.addresses import Bound, BoundAddresses
from failoverdns.net.inherited import Inherited

log = Logger()


@dataclass(frozen=True, slots=True)
class PreparedWorkers:
    """What another configuration asks for, ready to be used: pass it to `adopt` or `discard`."""

    config: Config
    agreement: WorkerSettings
    fresh: list[Bound]


class Offering:
    """The addresses and the terms."""

    agreement: WorkerSettings

    def __init__(
        self, places: int, inherited: Inherited, reactor: Any, changed: Callable[[], None]
    ) -> None:
        """Offer nothing before `adopt`; `places` is how many answering processes share addresses.

        `changed` is called when a secret of our own was replaced by a new one.
        """
        self.addresses = BoundAddresses(places, inherited)
        self._inherited = inherited
        self._config: Config | None = None
        self._changed = changed
        self._rotating = LoopingCall(self._rotate)
        self._rotating.clock = reactor

    def prepare(self, config: Config) -> PreparedWorkers:
        """Try what may fail of a configuration: bind its addresses, read its secrets.

        Raises CannotAgree or CannotListen; then nothing was changed.
        """
        old = self.agreement if self._config is not None else None
        agreement = make_agreement(config, old, _make_secret)
        return PreparedWorkers(config, agreement, self.addresses.prepare(config.listen))

    def adopt(self, prepared: PreparedWorkers) -> None:
        """Offer what another configuration asks for from now on."""
        self._config, self.agreement = prepared.config, prepared.agreement
        self.addresses.adopt(prepared.fresh, prepared.config.listen)
        if not self._rotating.running:
            self._rotating.start(ROTATION, now=False)
        if self._inherited.left:
            log.warn(
                "handed over, and not in `listen`, so closed: {sockets}",
                sockets=", ".join(self._inherited.left),
            )
            self._inherited.close()

    def discard(self, prepared: PreparedWorkers) -> None:
        """Let go of what was prepared and is not to be used."""
        self.addresses.discard(prepared.fresh)

    def log_addresses(self) -> None:
        """Say where we answer."""
        for address in self.addresses.addresses:
            log.info("answering on {address}, UDP and TCP", address=str(address))

    def close(self) -> None:
        """Close our copies of the sockets."""
        self.addresses.close()
        if self._rotating.running:
            self._rotating.stop()

    def _rotate(self) -> None:
        assert self._config is not None
        self.agreement = rotated(self._config, self.agreement, _make_secret)
        self._changed()


def _make_secret() -> bytes:
    return secrets.token_bytes(16)
