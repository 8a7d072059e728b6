"""The hostnames of probed heads: resolved periodically, with the last good addresses kept.

They are asked of the configured resolvers, or else of the system's resolver, in threads.
Does not know what is probed there, nor what follows when a name has no address.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from failoverdns.model.names import DomainName
from failoverdns.model.resolution import Answer
from failoverdns.model.settings import ListenAddress
from failoverdns.net.spawning import spawn
from failoverdns.resolving.client import TIMEOUT, resolve
from failoverdns.rules.derived.probe_targets import Address

AT_ONCE = 8
"""Hostnames that are resolved at a time."""


class Hostnames:
    """The hostnames of probed heads and their addresses.

    `altered` is called when the addresses of a hostname have changed, `unresolved`, with the
    reason, when a hostname never had any.
    """

    def __init__(
        self,
        reactor: Any,
        altered: Callable[[], None],
        unresolved: Callable[[DomainName, str], None],
    ) -> None:
        """Prepare; nothing is resolved before `start`."""
        self.resolvers: tuple[ListenAddress, ...] = ()
        self._reactor = reactor
        self._altered = altered
        self._unresolved = unresolved
        self._threads = ThreadPool(0, AT_ONCE, "probed hostnames")
        self._addresses: dict[DomainName, tuple[Address, ...]] = {}
        self._asking: set[DomainName] = set()
        self._stopped = False

    def start(self) -> None:
        """Start the threads, if they do not run."""
        if not self._threads.started:
            self._threads.start()

    def stop(self) -> None:
        """Stop resolving."""
        self._stopped = True
        if self._threads.started:
            self._threads.stop()

    def addresses(self, hostname: DomainName) -> tuple[Address, ...]:
        """Return the last known addresses of a hostname; begin to resolve one that is new."""
        if hostname not in self._addresses:
            self._ask(hostname)
        return self._addresses.get(hostname, ())

    def refresh(self, wanted: tuple[DomainName, ...]) -> None:
        """Resolve these again, and forget all others."""
        self._addresses = {name: self._addresses.get(name, ()) for name in wanted}
        for hostname in wanted:
            self._ask(hostname)

    def _ask(self, hostname: DomainName) -> None:
        if hostname not in self._asking and not self._stopped:
            self._asking.add(hostname)
            spawn(self._resolve(hostname))

    async def _resolve(self, hostname: DomainName) -> None:
        """Learn the addresses of a hostname; the last good ones stay if that fails."""
        where = tuple((str(resolver.host), resolver.port) for resolver in self.resolvers)

        def ask() -> Answer:
            if where:
                return resolve(where, hostname, lambda: self._stopped, TIMEOUT)
            return ask_the_system(hostname)

        try:
            answer: Answer = await deferToThreadPool(self._reactor, self._threads, ask)
        finally:
            self._asking.discard(hostname)
        if self._stopped:
            return
        found: tuple[Address, ...] = (*(answer.ipv4 or ()), *(answer.ipv6 or ()))
        before = self._addresses.get(hostname, ())
        if found and set(found) != set(before):
            self._addresses[hostname] = found
            self._altered()
        elif not found and not before:
            self._addresses[hostname] = ()
            self._unresolved(hostname, answer.problem or "it has no address")


def ask_the_system(hostname: DomainName) -> Answer:
    """Resolve with the system's resolver; never raises."""
    try:
        found = socket.getaddrinfo(hostname.to_text(), None, type=socket.SOCK_STREAM)
    except OSError as fault:
        return Answer(None, None, 0, fault.strerror or str(fault))
    addresses = {ip_address(str(entry[4][0]).partition("%")[0]) for entry in found}
    ordered = sorted(addresses, key=lambda address: (address.version, int(address)))
    return Answer(
        tuple(a for a in ordered if isinstance(a, IPv4Address)),
        tuple(a for a in ordered if isinstance(a, IPv6Address)),
        0,
    )
