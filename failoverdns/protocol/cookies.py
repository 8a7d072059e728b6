"""DNS cookies (RFC 7873) in the format of RFC 9018, so that different servers can share a secret.

    client cookie (8) | version 1 | reserved 000000 | time (4) | SipHash-2-4 of all that, address

This module makes, checks and renews cookies, and reads the file of shared secrets.
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
"""Bytes of a client cookie; the server cookie follows it."""

SIZE: Final = 24
"""Bytes of a client cookie and the server cookie that we make."""

LENGTHS: Final = frozenset({CLIENT_SIZE, *range(16, 41)})
"""Valid lengths of a COOKIE option, in bytes (RFC 7873 section 4)."""

MAX_AGE: Final = 3600
"""Seconds that a cookie is valid (RFC 9018 section 4.3)."""

MAX_AHEAD: Final = 300
"""Seconds that the clock of the server that made a cookie may be ahead of ours."""

RENEWED_AFTER: Final = 1800
"""Seconds after which a valid cookie is exchanged for a new one."""

MAX_SECRETS: Final = 3
"""Secrets at a time: the one that makes cookies, the next one and the previous one."""

_VERSION: Final = b"\1\0\0\0"
_SECRET: Final = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CookieSecrets:
    """Secrets of 16 bytes each: the first one makes cookies, each of them verifies cookies."""

    secrets: tuple[bytes, ...]

    def followed_by(self, secret: bytes) -> CookieSecrets:
        """Return the secrets after a rotation: `secret` makes cookies, the old one still verifies.

        Older secrets are dropped.
        """
        return CookieSecrets((secret, self.secrets[0]))


def read_secrets(text: str) -> CookieSecrets:
    """Read a file of cookie secrets: at most three lines of 32 hex digits; `#` begins a comment.

    Raises Malformed, which names the line and never quotes it.
    """
    secrets: list[bytes] = []
    for number, line in enumerate(text.splitlines(), 1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if not _SECRET.fullmatch(word):
            raise Malformed(f"line {number} is not a secret of 32 hex digits")
        if len(secrets) == MAX_SECRETS:
            raise Malformed(f"line {number} is one secret too many; the limit is {MAX_SECRETS}")
        secrets.append(bytes.fromhex(word))
    if not secrets:
        raise Malformed("there is no secret in it; write 32 random hex digits on a line")
    return CookieSecrets(tuple(secrets))


def make_cookie(secret: bytes, client: bytes, address: bytes, now: float) -> bytes:
    """Return the client and server cookie (24 bytes) for a client at `address` (4 or 16 bytes).

    `client` is the client cookie of 8 bytes, `now` the time in seconds since 1970.
    RFC 9018 section 4.
    """
    head = client + _VERSION + pack(">I", int(now) & 0xFFFFFFFF)
    return head + _mac(secret, head, address)


def check_cookie(
    secrets: CookieSecrets, cookie: bytes, address: bytes, now: float
) -> tuple[bool, bytes]:
    """Return whether a cookie is valid, and the cookie to reply with.

    That is the same cookie while it is at most `RENEWED_AFTER` seconds old, and a new one later.
    `cookie` is the data of a COOKIE option, its length one of `LENGTHS`.  RFC 9018 section 4.3.
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
    """Return the seconds since `made`, in serial number arithmetic (RFC 1982)."""
    age = (int(now) - made) & 0xFFFFFFFF
    return age - (1 << 32) if age & 0x80000000 else age
