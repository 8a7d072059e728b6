"""Tokens become callers: who sent a request over HTTP, and what that token may do now.

The web process has refused what no token of the state can be.  Here the digest that it passes on is
checked, and the token is looked up again for every command, so that a removal counts at once.
"""

from __future__ import annotations

from collections.abc import Callable
from hmac import compare_digest
from typing import Final

from failoverdns.control.caller import Caller
from failoverdns.model.change import Change
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import token_principal
from failoverdns.model.printable import printable
from failoverdns.model.roles import Rights
from failoverdns.model.timestamps import timestamp
from failoverdns.model.token import NO_TOKEN, Token, TokenCheck, TokenUse, check_of
from failoverdns.rules.decisions.permission import rights_of
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.token_reports import token_problem

MAX_ADDRESS: Final = 100
"""Characters of a client's address that are kept."""


class TokenCallers:
    """Makes a caller of each request that comes with a token."""

    def __init__(
        self,
        state: Callable[[], View],
        now: Callable[[], float],
        note_use: Callable[[TokenUse], None],
    ) -> None:
        """Read the tokens of `state`; `now` returns seconds since 1970.

        `note_use` is called with each use of a valid token.
        """
        self._state = state
        self._now = now
        self._note_use = note_use

    def caller(self, token_id: str, digest: bytes, address: str) -> Caller:
        """Return the caller with a token, whose text has this SHA-256, at an address.

        Raises Rejected `forbidden` for a token that is unknown, was removed, or has expired, and
        for one of a head that was removed.
        """
        state = self._state()
        token = state.entity(Token, token_id)
        known = token.token_check if token is not None else NO_TOKEN
        is_same = compare_digest(check_of(digest), known.check)
        if token is None or not is_same:
            raise Rejected("forbidden", "this token is wrong, or was removed")
        now = self._now()
        if token.is_expired(now):
            text = f"the token {token.name} expired at {timestamp(token.expires)}"
            raise Rejected("forbidden", f"{text}: ask an admin for another one")
        problem = token_problem(state, token, now)
        if problem is not None:
            raise Rejected("forbidden", f"the token {token.name} cannot be used: {problem}")
        shown = printable(address, MAX_ADDRESS)
        self._note_use(TokenUse(token.id, now, shown))
        principal = token_principal(token.id, token.name, shown)
        return Caller(principal, lambda: self._rights(token))

    def checks(self) -> list[TokenCheck]:
        """Return what the web process may know of each token."""
        return [token.token_check for token in self._state().entities(Token)]

    def _rights(self, token: Token) -> Rights:
        """Return what a token may do now: nothing if it was removed."""
        state = self._state()
        present = state.entity(Token, token.id)
        if present is None or present.check != token.check:
            return Rights()
        return rights_of(state, present, self._now())


def changes_tokens(change: Change) -> bool:
    """Return whether a change adds or removes a token, so that the checks are other ones."""
    return any(isinstance(write.after or write.before, Token) for write in change.writes)
