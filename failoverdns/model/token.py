"""Tokens, by which clients of the HTTP API authenticate, and the form that they are written in.

    fdns_ID_SECRET    ID: 10, SECRET: 52 characters of base32 (RFC 4648 section 6) in lower case

    text  --SHA-256-->  digest  --SHA-256-->  check
    shown once          never kept            kept in the state, and known to the web process

The secret is random.  A command needs the digest, which only the text gives: so the web process,
and whoever reads the state or its history, can recognize a token, and cannot act for one that no
client has sent.
"""

from __future__ import annotations

import re
from base64 import b32encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from failoverdns.model.entity import Entity
from failoverdns.model.errors import Malformed
from failoverdns.model.roles import Role

MAX_TOKENS: Final = 1000
"""Tokens that there may be at the same time."""

TOKEN_PREFIX: Final = "fdns_"
"""What every token begins with, so that scanners recognize one that was published by mistake."""

ENTROPY: Final = 7 + 32
"""Random bytes that a token is made of: for its id, and for its secret."""

_TEXT: Final = re.compile(r"fdns_([a-z2-7]{10})_[a-z2-7]{52}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenText:
    """A token as its owner has it; `text` is secret, and is not shown by `repr`."""

    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text: 32 bytes."""
        return sha256(self.text.encode("ascii")).digest()


def new_token(entropy: bytes) -> TokenText:
    """Return the token that is made of `ENTROPY` random bytes."""
    if len(entropy) != ENTROPY:
        raise ValueError(f"a token is made of {ENTROPY} random bytes")
    id_, secret = _base32(entropy[:7])[:10], _base32(entropy[7:])
    return TokenText(id_, f"{TOKEN_PREFIX}{id_}_{secret}")


def read_token(text: str) -> TokenText:
    """Return the token that a client sent; raises Malformed, which never quotes it."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise Malformed(
            "not a token: one is `fdns_`, 10 characters, `_`, and 52 characters, as `token add` "
            "printed it"
        )
    return TokenText(found[1], text)


def check_of(digest: bytes) -> bytes:
    """Return the check value of a digest: SHA-256 of it, 32 bytes."""
    return sha256(digest).digest()


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """What the web process knows of a token.

    `check` is the check value of its digest; `expires` is in seconds since 1970, None for never.
    """

    id: str
    check: bytes
    expires: float | None

    def accepts(self, token: TokenText, now: float) -> bool:
        """Return whether a token is this one and has not expired at `now`.

        The comparison takes the same time wherever the values differ.
        """
        is_same = compare_digest(check_of(token.digest), self.check)
        return is_same and not is_over(self.expires, now)


NO_TOKEN: Final = TokenCheck("", bytes(32), 0.0)
"""What a token with an unknown id is compared with: it accepts none, in the usual time."""


def is_over(expires: float | None, now: float) -> bool:
    """Return whether a token that expires at this time (None: never) has expired at `now`."""
    return expires is not None and now >= expires


@dataclass(frozen=True, slots=True)
class TokenHead:
    """The head that a token is for: its application (by id), and its name.

    A renamed head keeps its token.  With `is_removed` the head was removed; another head that gets
    the same name later is not this one.
    """

    application: str
    name: str
    is_removed: bool = False


@dataclass(frozen=True, slots=True)
class Token(Entity):
    """A token for the HTTP API: with a role, or for one head of an application.

    `id` never changes and is part of the token's text; `name` is unique among the tokens.
    `role` is None for a token of a head.  `groups` are patterns that limit a role to groups; None
    sets no limit.  `check` is the check value of the text in hex digits.  `created` and `expires`
    are in seconds since 1970; `expires` is None for a token that never expires.
    """

    id: str
    name: str
    role: Role | None
    groups: tuple[str, ...] | None
    head: TokenHead | None
    check: str = field(repr=False)
    created: float
    expires: float | None = None

    @property
    def identity(self) -> str:
        """The id."""
        return self.id

    @property
    def token_check(self) -> TokenCheck:
        """What the web process may know of this token."""
        return TokenCheck(self.id, bytes.fromhex(self.check), self.expires)

    def is_expired(self, now: float) -> bool:
        """Return whether the token has expired at `now`, in seconds since 1970."""
        return is_over(self.expires, now)


@dataclass(frozen=True, slots=True)
class TokenUse:
    """The last use of a token (by id): when (seconds since 1970), and from which address."""

    token: str
    time: float
    address: str


def _base32(data: bytes) -> str:
    """Return bytes in base32, in lower case and without padding."""
    return b32encode(data).decode("ascii").rstrip("=").lower()
