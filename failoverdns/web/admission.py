"""Whether a request is answered at all: its host, its token, and how many came before it.

the host         421 for a name that is not ours
a right token    its own rate, and nothing else
any other        the rate of its address; wrong tokens are answered later and later
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.net.token_bucket import TokenBuckets
from failoverdns.web.authentication import (
    Bearer,
    Failures,
    Tokens,
    WrongToken,
    origin_of,
    too_many_failures,
    unauthorized,
    wrong_token,
)
from failoverdns.web.exchange import WebRequest
from failoverdns.web.hosts import host_name, is_ours
from failoverdns.web.problems import Problem, of_http
from failoverdns.web.settings import WebSettings

OF_TOKEN: Final = 200.0
"""Requests a second with one token."""

OF_ADDRESS: Final = 100.0
"""Requests a second without a valid token from one address (of IPv6: a network of 64 bits)."""

SAVED: Final = 2.0
"""Seconds for which a rate that is not used is saved up."""


class Delayed(Exception):
    """A problem that is sent later; `let_go` is called then."""

    def __init__(self, problem: Problem, seconds: float, let_go: Callable[[], None]) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.seconds = seconds
        self.let_go = let_go


class Admission:
    """Decides which requests are answered."""

    def __init__(self, seconds: Callable[[], float], now: Callable[[], float]) -> None:
        """Prepare: no token is accepted yet.

        `seconds` is a steady clock, `now` returns seconds since 1970.
        """
        self.settings = WebSettings()
        self.tokens = Tokens()
        self.failures = Failures()
        self.limited = 0
        """Requests that were refused because of a rate."""
        self._seconds = seconds
        self._now = now
        self._of_token: TokenBuckets[str] = TokenBuckets(OF_TOKEN, OF_TOKEN * SAVED)
        self._of_address: TokenBuckets[bytes] = TokenBuckets(OF_ADDRESS, OF_ADDRESS * SAVED)

    def check_host(self, request: WebRequest, authority: str | None) -> None:
        """Raise Problem unless the request is for a host of ours.

        `authority` is that of the request's target, which takes the place of `Host` (RFC 9112
        section 3.2.2).
        """
        lines = request.field_lines("host")
        if len(lines) > 1 or (not lines and request.is_new):
            raise of_http(400, "a request has one Host")
        if not lines:
            return
        try:
            host = host_name(authority if authority is not None else lines[0].strip())
        except Malformed as fault:
            raise of_http(400, str(fault)) from None
        if not is_ours(host, self.settings.hosts):
            text = f"{str(host)[:100]!r} is not a name of this server"
            raise of_http(421, f"{text}: add it to http.hosts of the configuration")

    def bearer(self, request: WebRequest) -> Bearer | None:
        """Return who sends a request, None without a token; raises Problem, or Delayed.

        What has a valid token counts for that, all else for its address.
        """
        try:
            found = self.tokens.authenticate(request.field_lines("authorization"), self._now())
        except WrongToken:
            raise self._wrong(request) from None
        now = self._seconds()
        if found is not None and not self._of_token.take(found.id, now):
            self.limited += 1
            raise _too_many(f"a token can have {OF_TOKEN:g} requests a second")
        if found is None:
            self._count(request)
        return found

    def required(self, request: WebRequest) -> Bearer:
        """Return who sends a request that needs a token; raises Problem, or Delayed."""
        found = self.bearer(request)
        if found is None:
            raise unauthorized()
        return found

    def anybody(self, request: WebRequest) -> None:
        """Count a request that needs no token; raises Problem if its address sends too many."""
        if not self.is_known(request.field_lines("authorization")):
            self._count(request)

    def is_known(self, lines: tuple[str, ...]) -> bool:
        """Return whether `Authorization` has a valid token; nothing is counted."""
        try:
            return self.tokens.authenticate(lines, self._now()) is not None
        except (WrongToken, Problem):
            return False

    def is_valid(self, id_: str) -> bool:
        """Return whether a token is accepted."""
        return self.tokens.is_valid(id_, self._now())

    def _count(self, request: WebRequest) -> None:
        """Count a request without a valid token for its address."""
        if not self._of_address.take(origin_of(request.address), self._seconds()):
            self.limited += 1
            text = f"an address can send {OF_ADDRESS:g} requests a second without a token"
            raise _too_many(text)

    def _wrong(self, request: WebRequest) -> Problem | Delayed:
        origin, now = origin_of(request.address), self._seconds()
        seconds = self.failures.hold(origin, now)
        if seconds is None:
            return too_many_failures()
        if seconds == 0:
            return wrong_token()
        return Delayed(wrong_token(), seconds, lambda: self.failures.let_go(origin))


def _too_many(text: str) -> Problem:
    return of_http(429, text, code="busy", fields={"Retry-After": "1"})
