"""DNS cookies (RFC 7873), made as RFC 9018 says, so that servers of any make can share a secret.

    client cookie (8) | version 1 | reserved 000000 | time (4) | SipHash-2-4 of all that, address

Knows how a cookie is made, checked and renewed, and the file that secrets are shared in.
Refuses to know clocks, sockets, and what a valid cookie is good for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hmac import compare_digest
from struct import pack
from typing import Final

from siphashc import siphash

from failoverdns.model.errors import Malformed

CLIENT_SIZE: Final = 8
"""Bytes of a client cookie; the server's follows it."""

SIZE: Final = 24
"""Bytes of a client and a server cookie as we make them."""

LENGTHS: Final = frozenset({CLIENT_SIZE, *range(16, 41)})
"""Lengths that a COOKIE option can have (RFC 7873 section 4)."""

MAX_AGE: Final = 3600
"""Seconds that a cookie is valid (RFC 9018 section 4.3)."""

MAX_AHEAD: Final = 300
"""Seconds that the clock of the server that made it may be ahead of ours."""

RENEWED_AFTER: Final = 1800
"""Seconds after which a valid cookie is exchanged for a new one."""

MAX_SECRETS: Final = 3
"""The secret that makes cookies, the next one, and the previous one."""

_VERSION: Final = b"\1\0\0\0"
_SECRET: Final = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CookieSecrets:
    """Secrets of 16 bytes each: the first makes cookies, all of them check."""

    secrets: tuple[bytes, ...]

    def followed_by(self, secret: bytes) -> CookieSecrets:
        """Return what holds once `secret` makes the cookies: the one before it still checks."""
        return CookieSecrets((secret, self.secrets[0]))


def read_secrets(text: str) -> CookieSecrets:
    """Read a file of secrets: 32 hex digits a line, at most three, `#` begins a comment.

    Raises Malformed with the line, and never with what stands there.
    """
    secrets: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if not _SECRET.fullmatch(word):
            raise Malformed(f"line {number} is not a secret of 32 hex digits")
        if len(secrets) == MAX_SECRETS:
            raise Malformed(f"line {number} is one secret too many; there can be {MAX_SECRETS}")
        secrets.append(bytes.fromhex(word))
    if not secrets:
        raise Malformed("there is no secret in it; write 32 random hex digits on a line")
    return CookieSecrets(tuple(secrets))


def make_cookie(secret: bytes, client: bytes, address: bytes, now: float) -> bytes:
    """Return the cookie, client's and server's part, for a client at `address` (4 or 16 bytes).

    `client` is its cookie of 8 bytes, `now` in seconds since 1970.  RFC 9018 section 4.
    """
    head = client + _VERSION + pack(">I", int(now) & 0xFFFFFFFF)
    return head + _mac(secret, head, address)


def check_cookie(
    secrets: CookieSecrets, cookie: bytes, address: bytes, now: float
) -> tuple[bool, bytes]:
    """Tell whether a cookie is valid, and what to send in return: itself while it is young.

    `cookie` is the data of a COOKIE option, of one of `LENGTHS`.  RFC 9018 section 4.3.
    """
    current = secrets.secrets[0]
    valid = False
    if len(cookie) == SIZE and cookie[8] == 1:
        age = _age(int.from_bytes(cookie[12:16], "big"), now)
        if -MAX_AHEAD <= age <= MAX_AGE:
            head, mac = cookie[:16], cookie[16:]
            if compare_digest(_mac(current, head, address), mac):
                if age <= RENEWED_AFTER:
                    return True, cookie
                valid = True
            else:
                valid = any(
                    compare_digest(_mac(one, head, address), mac) for one in secrets.secrets[1:]
                )
    return valid, make_cookie(current, cookie[:CLIENT_SIZE], address, now)


def _mac(secret: bytes, head: bytes, address: bytes) -> bytes:
    return siphash(secret, head + address).to_bytes(8, "little")


def _age(made: int, now: float) -> int:
    """Return seconds since `made`, by serial number arithmetic (RFC 1982)."""
    age = (int(now) - made) & 0xFFFFFFFF
    return age - (1 << 32) if age & 0x80000000 else age
