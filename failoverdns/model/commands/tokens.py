"""Commands about tokens for the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass

from failoverdns.model.commands.kinds import Mutation, ReadCommand
from failoverdns.model.roles import Role


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A time after which a token expires, in seconds from its creation."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AddToken(Mutation):
    """`token add`: make a token with a role, or for a head (names of its application and itself).

    `groups` are patterns that limit a role; None sets no limit.  `expires` is a time in seconds
    since 1970, or a lifetime; None for never.  `at_most` is when the rights of whoever gives the
    command end: the token must expire by then.
    """

    name: str
    role: Role | None = None
    head: tuple[str, str] | None = None
    groups: tuple[str, ...] | None = None
    expires: float | Lifetime | None = None
    at_most: float | None = None


@dataclass(frozen=True, slots=True)
class RemoveToken(Mutation):
    """`token remove`: whoever has this token can do nothing more with it."""

    name: str


@dataclass(frozen=True, slots=True)
class ListTokens(ReadCommand):
    """`token list`: every token, without its secret, and when it was last used."""
