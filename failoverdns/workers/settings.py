"""The addresses on which the server answers, and the settings for answers there.

A reload of the configuration replaces them as a whole.  They are the same whether one process
answers or several.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from failoverdns.answering.settings import ROTATION, WorkerSettings, make_worker_settings, rotated
from failoverdns.model.settings import Config
from failoverdns.net.addresses import Bound, BoundAddresses
from failoverdns.net.inherited import Inherited
from failoverdns.net.sockets import RECEIVE_BUFFER, CannotListen, receive_buffer
from failoverdns.workers.tls_setup import PreparedTLS, TLSSetup

log = Logger()


@dataclass(frozen=True, slots=True)
class PreparedWorkers:
    """The addresses and settings of another configuration, to be passed to `adopt` or `discard`."""

    config: Config
    settings: WorkerSettings
    fresh: list[Bound]
    tls: PreparedTLS


class AnsweringSetup:
    """The addresses and the settings in use."""

    settings: WorkerSettings

    def __init__(
        self, places: int, inherited: Inherited, reactor: Any, changed: Callable[[], None]
    ) -> None:
        """Prepare for `places` workers that share the addresses, 0 for the control process alone.

        `changed` is called after a cookie secret that the server makes itself was replaced.
        """
        self.addresses = BoundAddresses(places, inherited)
        self.tls = TLSSetup(inherited)
        self._inherited = inherited
        self._config: Config | None = None
        self._changed = changed
        self._rotating = LoopingCall(self._rotate)
        self._rotating.clock = reactor

    def prepare(self, config: Config) -> PreparedWorkers:
        """Bind the addresses of a configuration and read its secrets, without using them yet.

        Raises CannotReadSecrets or CannotListen; then nothing was changed.
        """
        old = self.settings if self._config is not None else None
        settings = make_worker_settings(config, old, _make_secret)
        tls = self.tls.prepare(config.tls)
        try:
            return PreparedWorkers(config, settings, self.addresses.prepare(config.listen), tls)
        except CannotListen:
            self.tls.discard(tls)
            raise

    def adopt(self, prepared: PreparedWorkers) -> None:
        """Use the addresses and settings of another configuration from now on."""
        self._config, self.settings = prepared.config, prepared.settings
        self.addresses.adopt(prepared.fresh, prepared.config.listen)
        self.tls.adopt(prepared.tls)
        for text in self.tls.unusual(time.time()):
            log.warn("{text}", text=text)
        if not self._rotating.running:
            self._rotating.start(ROTATION, now=False)
        if self._inherited.left:
            log.warn(
                "handed over, and not in `listen`, so closed: {sockets}",
                sockets=", ".join(self._inherited.left),
            )
            self._inherited.close()

    def discard(self, prepared: PreparedWorkers) -> None:
        """Close the sockets of a configuration that will not be used."""
        self.addresses.discard(prepared.fresh)
        self.tls.discard(prepared.tls)

    def log_addresses(self) -> None:
        """Log the addresses on which the server answers."""
        for address in self.addresses.addresses:
            log.info("answering on {address}, UDP and TCP", address=str(address))
        for one in self.tls.bound:
            log.info("answering over TLS on {address}", address=str(one.address))
        buffers = [receive_buffer(one.pair[0]) for one in self.addresses.bound]
        if min(buffers, default=RECEIVE_BUFFER) < RECEIVE_BUFFER:
            log.warn(
                "the kernel buffers {bytes} bytes of queries, and not {wanted}: raise "
                "net.core.rmem_max to lose none in a burst",
                bytes=min(buffers),
                wanted=RECEIVE_BUFFER,
            )

    def close(self) -> None:
        """Close our copies of the sockets."""
        self.addresses.close()
        self.tls.close()
        if self._rotating.running:
            self._rotating.stop()

    def _rotate(self) -> None:
        assert self._config is not None
        self.settings = rotated(self._config, self.settings, _make_secret)
        self._changed()


def warn_of_query_log(config: Config) -> None:
    """Log that answering processes could damage the state, if the query log is in its folder."""
    if config.querylog is None:
        return
    folder = config.querylog.file.parent
    for path in (config.state.sqlite, config.certificates.key_file):
        if folder in path.parents:
            log.warn(
                "querylog.file: answering processes may write to {folder}, where {path} is: "
                "give the query log a folder of its own",
                folder=str(folder),
                path=str(path),
            )


def _make_secret() -> bytes:
    return secrets.token_bytes(16)
