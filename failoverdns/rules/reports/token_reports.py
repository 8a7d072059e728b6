"""Reports of tokens: what they may do, until when, and whether anything prevents their use."""

from __future__ import annotations

from failoverdns.model.change import Json
from failoverdns.model.timestamps import timestamp
from failoverdns.model.token import Token, TokenHead, TokenUse
from failoverdns.rules.derived.view import View


def token_report(view: View, token: Token, now: float) -> dict[str, Json]:
    """Return a report of a token, without its check value; `now` is in seconds since 1970.

    `problem` says why nobody can use it; None if it can be used.
    """
    return {
        "name": token.name,
        "id": token.id,
        "role": token.role.value if token.role is not None else None,
        "groups": list(token.groups) if token.groups is not None else None,
        "head": _head(view, token.head) if token.head is not None else None,
        "created": timestamp(token.created),
        "expires": timestamp(token.expires),
        "expired": token.is_expired(now),
        "problem": token_problem(view, token, now),
    }


def use_report(use: TokenUse | None) -> dict[str, Json]:
    """Return a report of when a token was last used, and from which address."""
    if use is None:
        return {"last_used": None}
    return {"last_used": {"time": timestamp(use.time), "address": use.address}}


def token_problem(view: View, token: Token, now: float) -> str | None:
    """Return why nobody can use a token; None if it can be used."""
    if token.is_expired(now):
        return "it has expired"
    head = token.head
    if head is None:
        return None
    application = view.application(head.application)
    if application is None:
        return "the application of its head was removed"
    if head.is_removed or application.head(head.name) is None:
        return f"the head {application.name}/{head.name} was removed"
    return None


def head_text(view: View, head: TokenHead) -> str:
    """Return `APPLICATION/HEAD`, with the id of an application that was removed."""
    application = view.application(head.application)
    name = application.name if application is not None else head.application
    return f"{name}/{head.name}"


def _head(view: View, head: TokenHead) -> dict[str, Json]:
    """Return the names of a head and of its application: None for one that was removed."""
    application = view.application(head.application)
    return {
        "application": application.name if application is not None else None,
        "head": head.name,
    }
