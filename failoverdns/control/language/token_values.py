"""Values of the parameters of commands about tokens: JSON values in, typed values out.

As in `values`, each function returns what the command holds, or raises Malformed with what is wrong
and what would be right.
"""

from __future__ import annotations

from failoverdns.control.language.values import choice, configured_name, exact_target, text
from failoverdns.model.change import Json
from failoverdns.model.commands.tokens import Lifetime
from failoverdns.model.errors import Malformed
from failoverdns.model.roles import ROLE_WORDS, Role
from failoverdns.model.timestamps import read_duration, read_timestamp
from failoverdns.model.token import TOKEN_PREFIX


def token_name(value: Json) -> str:
    """Return the name of a token; raises Malformed, which never quotes what may be its secret."""
    given = text(value)
    if given.startswith(TOKEN_PREFIX):
        raise Malformed(
            f"begins with {TOKEN_PREFIX}, as the secret of a token does: give the name of the "
            "token; and if this was a secret, remove its token, because others may have seen it"
        )
    return configured_name(value)


def access_role(value: Json) -> Role:
    """Return a role of users and tokens; raises Malformed."""
    return Role(choice(*ROLE_WORDS)(value))


def head_target(value: Json) -> tuple[str, str]:
    """Return the names of `APPLICATION/HEAD`; raises Malformed."""
    name, head_ = exact_target(value)
    if head_ is None:
        raise Malformed(f"{name!r} is an application: write APPLICATION/HEAD, such as {name}/web1")
    return name, head_


def expiry(value: Json) -> float | Lifetime:
    """Return a lifetime, or a time in seconds since 1970; raises Malformed."""
    given = text(value)
    lifetime = read_duration(given)
    if lifetime is not None:
        return Lifetime(lifetime)
    try:
        return read_timestamp(given)
    except Malformed:
        raise Malformed(
            f"{given!r} is neither a duration, such as 90d, 12h, 30m or 60s, nor a time with its "
            "zone, such as 2027-03-01T02:00:00Z"
        ) from None
