"""Who gives a command: bearer tokens (RFC 6750), and what a wrong one costs.

A token is compared in constant time, also one whose id nobody has.  A right token is accepted at
once, whatever else comes from its address.  The answer to a wrong one is held back for a second
once an address (of IPv6: a network of 64 bits) has sent several; and what is held back is bounded,
so that further ones are turned away without waiting and their connections are closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from failoverdns.model.errors import Malformed
from failoverdns.model.token import NO_TOKEN, TokenCheck, TokenText, read_token
from failoverdns.net.prefixes import address_of
from failoverdns.net.token_bucket import TokenBuckets
from failoverdns.web.problems import Problem, of_http

SLOW: Final = 1.0
"""Seconds for which the answer to a wrong token is held back."""

AT_ONCE: Final = 5
"""Wrong tokens of an address that are answered at once; one more with each ten seconds."""

HELD: Final = 200
"""Answers that are held back at a time."""

HELD_OF_ONE: Final = 10
"""Those of one address."""

CHALLENGE: Final = 'Bearer realm="failoverdns"'
"""How a client has to authenticate (RFC 6750 section 3)."""

_SCHEME: Final = "bearer"
_HOW: Final = "send `Authorization: Bearer TOKEN` with a token that `failoverdns token add` printed"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who gives a command: the id of a token, and its digest, for the control process to check."""

    id: str
    digest: bytes = field(repr=False)


class WrongToken(Exception):
    """A token that is not valid, or not any more."""


class Tokens:
    """The tokens that are accepted."""

    def __init__(self) -> None:
        """Accept none."""
        self._checks: dict[str, TokenCheck] = {}

    def adopt(self, checks: Iterable[TokenCheck]) -> set[str]:
        """Accept these tokens, and no others; return the ids of those that are gone or replaced."""
        before, self._checks = self._checks, {one.id: one for one in checks}
        return {id_ for id_, one in before.items() if self._checks.get(id_) != one}

    def is_valid(self, id_: str, now: float) -> bool:
        """Return whether there is a token with this id that has not expired."""
        found = self._checks.get(id_)
        return found is not None and (found.expires is None or now < found.expires)

    def authenticate(self, lines: tuple[str, ...], now: float) -> Bearer | None:
        """Return who gives a command, from the lines of `Authorization`; None without any.

        `now` is in seconds since 1970.  Raises WrongToken, or Problem for a field that is malformed
        or has another scheme.
        """
        if not lines:
            return None
        if len(lines) > 1:
            raise of_http(400, "Authorization is given twice")
        scheme, _, text = lines[0].strip().partition(" ")
        if scheme.lower() != _SCHEME:
            raise unauthorized(f"this scheme of authentication is not known: {_HOW}")
        try:
            token: TokenText = read_token(text.strip())
        except Malformed as fault:
            raise WrongToken from fault
        if not self._checks.get(token.id, NO_TOKEN).accepts(token, now):
            raise WrongToken
        return Bearer(token.id, token.digest)


class Failures:
    """How long the answers to wrong tokens are held back, by address."""

    def __init__(self) -> None:
        """Prepare; nobody has sent a wrong token."""
        self.count = 0
        """Wrong tokens since the start."""
        self._at_once: TokenBuckets[bytes] = TokenBuckets(0.1, AT_ONCE)
        self._held: Counter[bytes] = Counter()
        self._all = 0

    def hold(self, origin: bytes, now: float) -> float | None:
        """Note a wrong token of `origin` (`origin_of`); return for how long the answer is held.

        None if too many are held back already.  After a time above 0, `let_go` has to be called.
        """
        self.count += 1
        if self._at_once.take(origin, now):
            return 0.0
        if self._all >= HELD or self._held[origin] >= HELD_OF_ONE:
            return None
        self._held[origin] += 1
        self._all += 1
        return SLOW

    def let_go(self, origin: bytes) -> None:
        """Note that an answer is held back no longer."""
        self._all -= 1
        self._held[origin] -= 1
        if not self._held[origin]:
            del self._held[origin]


def origin_of(address: str) -> bytes:
    """Return what counts as one address: one of IPv4, or a network of 64 bits of IPv6."""
    try:
        found = address_of(address)
    except OSError:
        return b""
    return found if len(found) == 4 else found[:8]


def unauthorized(message: str = f"a token is needed: {_HOW}", *, wrong: bool = False) -> Problem:
    """Return the problem of a request without a valid token; `wrong` is whether it had one."""
    challenge = CHALLENGE + (', error="invalid_token"' if wrong else "")
    return of_http(401, message, code="forbidden", fields={"WWW-Authenticate": challenge})


def wrong_token() -> Problem:
    """Return the problem of a request whose token is not valid."""
    return unauthorized("the token is wrong, has expired, or was removed", wrong=True)


def too_many_failures() -> Problem:
    """Return the problem of an address that sent too many wrong tokens."""
    text = "too many wrong tokens came from this address; one that is right is accepted at once"
    fields = {"Retry-After": "10", "Connection": "close"}
    return of_http(429, text, code="busy", fields=fields)
