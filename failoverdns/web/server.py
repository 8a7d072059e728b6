"""The connections of HTTP clients: who gets one, how many, and what they did in all.

    it arrives       an address may open some in a second, and have some at a time
    there are many   the address with the most gives one up (`net.places`)
    with TLS         its handshake counts as the time of the first request

Addresses from which a valid token came lately have budgets and places of their own, so others
cannot keep them out, however many they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from random import randrange
from typing import Any, Final

from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from failoverdns.model.errors import Rejected
from failoverdns.net.places import KnownOrigins, Places
from failoverdns.net.prefixes import prefix_of
from failoverdns.net.token_bucket import TokenBucket, TokenBuckets
from failoverdns.web.admission import Admission
from failoverdns.web.authentication import origin_of, unauthorized
from failoverdns.web.channel import WebChannel
from failoverdns.web.headers import careful_fields
from failoverdns.web.hosts import plain
from failoverdns.web.http_request import HTTPRequest
from failoverdns.web.problems import Problem, of_refusal
from failoverdns.web.routes import Routes
from failoverdns.web.tls import WebContext

MOST: Final = 1000
"""Connections at a time."""

MOST_OF_ADDRESS: Final = 300
"""Those of one address (of IPv6: a network of 64 bits) that is not a trusted proxy's."""

ARRIVALS: Final = 1000.0
"""New connections a second."""

ARRIVALS_OF_ADDRESS: Final = 200.0
"""Those of one address that is not a trusted proxy's."""

MOST_LARGE: Final = 32
"""Large bodies that are read at a time."""

_TOO_MANY_LARGE: Final = Rejected("busy", "too many large requests arrive; try again")

KNOWN_PLACES: Final = 50
"""Connections of a network or address with a valid token that do not count when room is made."""

ACCEPTED: Final = 20
"""Connections that are accepted in one turn of the reactor."""


class WebServer(ServerFactory):
    """All connections."""

    noisy = False

    def __init__(self, reactor: Any, admission: Admission, routes: Routes) -> None:
        """Answer with `routes` what `admission` lets in."""
        self.reactor = reactor
        self.is_draining = False
        self.is_secure = False
        """Whether TLS is spoken, and nothing else."""
        self.context = WebContext()
        self.known = KnownOrigins()
        """Where valid tokens came from."""
        self.places: Places[WebChannel] = Places(MOST, randrange, self._free_places)
        self.answered: Counter[str] = Counter()
        """Responses by the class of their status."""
        self.turned_away = 0
        """Connections that were closed at once, because there were too many."""
        self._large = 0
        """Large bodies that are being read."""
        self._admission = admission
        self._routes = routes
        self._arrivals = TokenBucket(ARRIVALS, ARRIVALS)
        self._of_address: TokenBuckets[bytes] = TokenBuckets(
            ARRIVALS_OF_ADDRESS, ARRIVALS_OF_ADDRESS * 2
        )
        contexts: Any = self.context
        self._tls: TLSMemoryBIOFactory | None = None
        self._contexts = contexts

    def buildProtocol(self, addr: Any) -> Protocol | None:  # noqa: N802
        """Return the protocol of a new connection, or None to close it."""
        if self.is_draining or (self.is_secure and not self.context.is_ready):
            return None
        origin = prefix_of(addr.host), origin_of(addr.host)
        if not self._may_come(addr.host, origin):
            self.turned_away += 1
            return None
        channel: Any = WebChannel(self, origin, is_secure=self.is_secure)
        channel.factory = self
        channel.callLater = self.reactor.callLater
        gone = self.places.enter(channel, channel.origin)
        if gone is not None:
            gone.leave()
        if not self.is_secure:
            return channel  # type: ignore[no-any-return]
        if self._tls is None:
            self._tls = TLSMemoryBIOFactory(self._contexts, False, self, self.reactor)
        return self._tls.protocol(self._tls, channel)

    def limit(self, most: int) -> None:
        """Keep at most `most` connections from now on."""
        for channel in self.places.limit(most):
            channel.leave()

    def drain(self) -> None:
        """Take no further connection and no further request; close idle connections."""
        self.is_draining = True
        for channel in self.places.all():
            if channel.is_idle:
                channel.loseConnection()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Close all connections at once."""
        for channel in self.places.all():
            channel.leave()

    def serve(self, request: HTTPRequest) -> None:
        """Answer a request whose body has arrived."""
        self._routes.serve(request)

    def may_send_body(self, request: HTTPRequest) -> Problem | None:
        """Return why the large body of a request is not read: no valid token, or too many."""
        if not self._admission.is_known(request.field_lines(b"authorization")):
            return unauthorized()
        if self._large >= MOST_LARGE:
            return of_refusal(_TOO_MANY_LARGE)
        self._large += 1
        return None

    def large_body_ended(self) -> None:
        """Note that a large body is read no longer."""
        self._large -= 1

    def careful(self, request: HTTPRequest) -> Mapping[str, str]:
        """Return the header fields of a response to a request that is refused."""
        return careful_fields(is_secure=self.is_secure)

    def left(self, channel: WebChannel) -> None:
        """Note that a connection has ended."""
        self.places.leave(channel)

    def remember(self, channel: WebChannel) -> None:
        """Note that a valid token came over a connection."""
        now, is_new = self.reactor.seconds(), not self._is_known(channel)
        self.known.remember(channel.origin, now)
        if is_new:  # the places that do not count are counted when a connection enters
            self.places.leave(channel)
            self.places.enter(channel, channel.origin)

    def refused(self, status: int) -> None:
        """Count a request that was refused before it could be read."""
        self.answered[f"{status // 100}xx"] += 1

    def log(self, request: Any) -> None:
        """Count a response, for Twisted."""
        self.refused(request.code)

    def _may_come(self, host: str, origin: tuple[bytes, bytes]) -> bool:
        """Return whether a new connection gets a place."""
        now = self.reactor.seconds()
        if not self._is_proxy(host):
            is_full = self.places.count(origin) >= MOST_OF_ADDRESS
            if is_full or not self._of_address.take(origin[1], now):
                return False
        return self.known.has(origin[1], now) or self._arrivals.take(now)

    def _is_known(self, channel: WebChannel) -> bool:
        now = self.reactor.seconds()
        return all(self.known.has(step, now) for step in channel.origin)

    def _free_places(self, step: bytes) -> int:
        return KNOWN_PLACES if self.known.has(step, self.reactor.seconds()) else 0

    def _is_proxy(self, host: str) -> bool:
        address = plain(host)
        networks = self._admission.settings.trusted_proxies
        return address is not None and any(address in network for network in networks)
