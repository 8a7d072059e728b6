"""Decisions on tokens: who gets one, with which rights, and what becomes of it.

The secret of a token is drawn here and is in the first reply only: the state gets a check value,
and the reply that is kept for a retry says that the secret was shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from failoverdns.model.application import Application, Head
from failoverdns.model.change import Json, Write
from failoverdns.model.commands.tokens import AddToken, Lifetime, RemoveToken
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.model.roles import Role
from failoverdns.model.timestamps import LAST_TIME, timestamp
from failoverdns.model.token import (
    ENTROPY,
    MAX_TOKENS,
    Token,
    TokenHead,
    TokenText,
    check_of,
    new_token,
)
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.entity_lookup import find_application, find_head, not_found
from failoverdns.rules.derived.view import View
from failoverdns.rules.reports.token_reports import token_report

MAX_PATTERNS: Final = 100
"""Patterns of a token: each of its commands is compared with all of them."""

_CAN_BE_LIMITED: Final = (Role.REPORTER, Role.OPERATOR)


def add_token(view: View, command: AddToken, moment: Moment, random: Random) -> Decision:
    """Make a token; its text is in the first reply only."""
    tokens = tuple(view.entities(Token))
    if any(token.name == command.name for token in tokens):
        text = f"there is a token {command.name!r} already: remove it first, or choose another name"
        raise Rejected("exists", text)
    if len(tokens) >= MAX_TOKENS:
        text = f"there are {MAX_TOKENS} tokens, and no more are allowed"
        raise Rejected("invalid", f"{text}: remove those that `token list` shows as expired")
    expires = _expiry(command, moment.now)
    made = _new_token(view, random)
    after = Token(
        made.id,
        command.name,
        command.role,
        _groups(command),
        _head(view, command),
        check_of(made.digest).hex(),
        created=moment.now,
        expires=expires,
    )

    def report(changed: View) -> dict[str, Json]:
        return token_report(changed, after, moment.now)

    return Decision(
        (Write(None, after),),
        lambda changed: {**report(changed), "warnings": [_SHOWN.format(command.name)]},
        first_report=lambda changed: {**report(changed), "token": made.text},
    )


_SHOWN: Final = (
    "the secret of this token was in the first reply, and is not kept: if that reply was lost, "
    "`token remove {0}`, and add it again with another op_id"
)


def remove_token(view: View, command: RemoveToken, _moment: Moment, _random: Random) -> Decision:
    """Remove a token, whatever it is for."""
    tokens = {token.name: token for token in view.entities(Token)}
    token = tokens.get(command.name)
    if token is None:
        raise not_found("token", command.name, tokens)
    return Decision((Write(token, None),), lambda _: {"removed": token.name, "id": token.id})


def renamed_head(view: View, application: Application, head: Head, name: str) -> tuple[Write, ...]:
    """Return the writes by which the tokens of a head keep it when it is renamed."""
    return tuple(
        Write(token, replace(token, head=replace(of, name=name)))
        for token, of in _tokens_of(view, application, head)
        if name != head.name
    )


def removed_head(view: View, application: Application, head: Head) -> tuple[Write, ...]:
    """Return the writes by which the tokens of a removed head never serve one of the same name."""
    return tuple(
        Write(token, replace(token, head=replace(of, is_removed=True)))
        for token, of in _tokens_of(view, application, head)
    )


def _tokens_of(
    view: View, application: Application, head: Head
) -> Iterator[tuple[Token, TokenHead]]:
    of = TokenHead(application.id, head.name)
    for token in view.entities(Token):
        if token.head == of:
            yield token, of


def _new_token(view: View, random: Random) -> TokenText:
    """Return a token with an id that no other has."""
    while True:
        made = new_token(random.randbytes(ENTROPY))
        if view.entity(Token, made.id) is None:
            return made


def _groups(command: AddToken) -> tuple[str, ...] | None:
    """Return the patterns that limit a token; raises Rejected `invalid`."""
    if command.groups is None:
        return None
    if command.role not in _CAN_BE_LIMITED:
        why = (
            "a token of a head is limited already"
            if command.role is None
            else "a viewer changes nothing"
            if command.role is Role.VIEWER
            else "an admin cannot be limited"
        )
        raise Rejected("invalid", f"--groups is for a reporter or an operator: {why}")
    patterns = tuple(dict.fromkeys(command.groups))
    if not patterns:
        text = "groups is empty, so that the token could change nothing"
        raise Rejected("invalid", f"{text}: give a pattern, or leave it out for no limit")
    if len(patterns) > MAX_PATTERNS:
        text = f"{len(patterns)} patterns: at most {MAX_PATTERNS} are allowed"
        raise Rejected("invalid", f"--groups: {text}")
    return patterns


def _head(view: View, command: AddToken) -> TokenHead | None:
    """Return the head that a token is for; raises Rejected."""
    if (command.role is None) == (command.head is None):
        text = "give either --role ROLE or --head APPLICATION/HEAD"
        what = "what the token may do is missing" if command.role is None else "not both"
        raise Rejected("invalid", f"{text}: {what}")
    if command.head is None:
        return None
    application = find_application(view, command.head[0])
    return TokenHead(application.id, find_head(application, command.head[1]).name)


def _expiry(command: AddToken, now: float) -> float | None:
    """Return when a token expires, in seconds since 1970; raises Rejected."""
    given = command.expires
    expires = now + given.seconds if isinstance(given, Lifetime) else given
    if expires is not None and expires <= now:
        text = f"the token would have expired at {timestamp(expires)}, and it is {timestamp(now)}"
        raise Rejected("invalid", f"--expires: {text}")
    if expires is not None and expires > LAST_TIME:
        raise Rejected("invalid", "--expires: is after the year 9998; leave it out for never")
    if command.at_most is not None and (expires is None or expires > command.at_most):
        until = timestamp(command.at_most)
        text = f"your own token expires at {until}, and one that you add has to expire by then"
        raise Rejected("forbidden", f"{text}: add --expires {until}")
    return expires


DECISIONS = (
    row(AddToken, add_token),
    row(RemoveToken, remove_token),
)
"""The commands that this module decides on."""
