"""The terms that strangers get, of a configuration: cookie secrets, NSID, rate limits.

Knows the file of shared secrets, and which of the old terms outlive a reload: secrets of the
server's own, and the accounts of limits that did not change.
Refuses to know what terms mean to a query: `answering` does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from failoverdns.answering import Terms
from failoverdns.config import Config, CookieSettings
from failoverdns.limiting import RateLimiter
from failoverdns.model.errors import Malformed
from failoverdns.model.limits import RateLimits
from failoverdns.wire.chaos import chaos_rrsets
from failoverdns.wire.cookies import CookieSecrets, read_secrets

MAX_FILE = 4096
"""Bytes of a file of secrets."""

ROTATION = 24 * 3600.0
"""Seconds that a secret of the server's own makes cookies; it checks them as long again."""

MakeSecret = Callable[[], bytes]
"""Return 16 random bytes."""


class CannotAgree(Exception):
    """A file of secrets that cannot be used: says which, why, and what would be right."""


def make_terms(config: Config, old: Terms, make_secret: MakeSecret) -> Terms:
    """Return the terms of a configuration; raises CannotAgree."""
    nsid = config.identity.nsid
    return Terms(
        cookies=_secrets(config.cookies, old.cookies, make_secret),
        nsid=nsid.encode() if nsid is not None else None,
        idle_timeout=config.tcp.idle_timeout,
        limiter=_limiter(config.rate_limit, old.limiter),
        chaos=chaos_rrsets(config.identity.id, config.identity.version),
    )


def rotated(config: Config, terms: Terms, make_secret: MakeSecret) -> Terms:
    """Return the terms with a new secret, if secrets are the server's own."""
    if terms.cookies is None or config.cookies.secret_file is not None:
        return terms
    return replace(terms, cookies=terms.cookies.followed_by(make_secret()))


def _secrets(
    settings: CookieSettings, old: CookieSecrets | None, make_secret: MakeSecret
) -> CookieSecrets | None:
    if not settings.answer:
        return None
    if settings.secret_file is not None:
        return _read(settings.secret_file)
    return old or CookieSecrets((make_secret(),))


def _limiter(limits: RateLimits | None, old: RateLimiter | None) -> RateLimiter | None:
    if limits is None:
        return None
    return old if old is not None and old.limits == limits else RateLimiter(limits)


def _read(path: Path) -> CookieSecrets:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE + 1)
            mode = os.fstat(file.fileno()).st_mode
        if mode & stat.S_IRWXO:
            raise Malformed(f"every user of the machine can open it; `chmod o= {path}`")
        if len(text) > MAX_FILE:
            raise Malformed(f"larger than {MAX_FILE} bytes; is this a file of secrets?")
        return read_secrets(text.decode("latin-1"))
    except OSError as fault:
        raise CannotAgree(f"cookies.secret_file: {path}: {fault.strerror}") from None
    except Malformed as fault:
        raise CannotAgree(f"cookies.secret_file: {path}: {fault}") from None
