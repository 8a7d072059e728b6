"""What strangers get, and on which terms: agreed on by the control process, kept by all who answer.

Knows the file of shared secrets, and which of the old terms outlive a reload: secrets of the
server's own, and the accounts of limits that did not change.
Refuses to know what terms mean to a query: `answering` does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from failoverdns.answering.limiting import RateLimiter
from failoverdns.answering.responding import AnswerSettings
from failoverdns.model.errors import Malformed
from failoverdns.model.limits import RateLimits
from failoverdns.model.settings import (
    Config,
    CookieSettings,
    Identity,
    QueryLogSettings,
    TCPSettings,
)
from failoverdns.protocol.chaos import chaos_rrsets
from failoverdns.protocol.cookies import CookieSecrets, read_secrets

MAX_FILE = 4096
"""Bytes of a file of secrets."""

ROTATION = 24 * 3600.0
"""Seconds that a secret of the server's own makes cookies; it checks them as long again."""

MakeSecret = Callable[[], bytes]
"""Return 16 random bytes."""


class CannotAgree(Exception):
    """A file of secrets that cannot be used: says which, why, and what would be right."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """All that an answering process is told beside names and sockets.

    `secrets` are those of cookies, as hex digits; without any there are no cookies.
    """

    secrets: tuple[str, ...]
    identity: Identity
    tcp: TCPSettings
    rate_limit: RateLimits | None
    querylog: QueryLogSettings | None


_JSON = TypeAdapter(WorkerSettings)


def make_agreement(
    config: Config, old: WorkerSettings | None, make_secret: MakeSecret
) -> WorkerSettings:
    """Return what a configuration asks for; raises CannotAgree."""
    return WorkerSettings(
        secrets=_secrets(config.cookies, old.secrets if old else (), make_secret),
        identity=config.identity,
        tcp=config.tcp,
        rate_limit=config.rate_limit,
        querylog=config.querylog,
    )


def rotated(config: Config, agreement: WorkerSettings, make_secret: MakeSecret) -> WorkerSettings:
    """Return an agreement with a new secret, if secrets are the server's own."""
    if not agreement.secrets or config.cookies.secret_file is not None:
        return agreement
    secrets = CookieSecrets(tuple(map(bytes.fromhex, agreement.secrets)))
    return replace(agreement, secrets=_texts(secrets.followed_by(make_secret())))


def share_of(agreement: WorkerSettings, processes: int) -> WorkerSettings:
    """Return what each of several processes keeps to, so that limits hold for all together.

    Clients are spread over the processes by their ports, so those of one network meet all of them.
    """
    tcp, limits = agreement.tcp, agreement.rate_limit
    tcp = replace(
        tcp,
        max_connections=_part(tcp.max_connections, processes),
        max_buffered=_part(tcp.max_buffered, processes),
    )
    if limits is not None:
        limits = replace(
            limits,
            responses_per_second=_part(limits.responses_per_second, processes),
            nxdomains_per_second=_part(limits.nxdomains_per_second, processes),
            errors_per_second=_part(limits.errors_per_second, processes),
            all_per_second=_part(limits.all_per_second, processes),
        )
    return replace(agreement, tcp=tcp, rate_limit=limits)


def terms_of(agreement: WorkerSettings, old: AnswerSettings) -> AnswerSettings:
    """Return the terms of an agreement; what lives on of the old ones does."""
    secrets, identity, limits = agreement.secrets, agreement.identity, agreement.rate_limit
    return AnswerSettings(
        cookies=CookieSecrets(tuple(map(bytes.fromhex, secrets))) if secrets else None,
        nsid=identity.nsid.encode() if identity.nsid is not None else None,
        idle_timeout=agreement.tcp.idle_timeout,
        limiter=_limiter(limits, old.limiter),
        chaos=chaos_rrsets(identity.id, identity.version),
    )


def write_agreement(agreement: WorkerSettings) -> dict[str, Any]:
    """Return an agreement as JSON."""
    written: dict[str, Any] = _JSON.dump_python(agreement, mode="json")
    return written


def read_agreement(written: dict[str, Any]) -> WorkerSettings:
    """Return an agreement from JSON; raises ValueError."""
    return _JSON.validate_python(written)


def _secrets(
    settings: CookieSettings, old: tuple[str, ...], make_secret: MakeSecret
) -> tuple[str, ...]:
    if not settings.answer:
        return ()
    if settings.secret_file is not None:
        return _texts(_read(settings.secret_file))
    return old or (make_secret().hex(),)


def _texts(secrets: CookieSecrets) -> tuple[str, ...]:
    return tuple(secret.hex() for secret in secrets.secrets)


def _part(number: int, processes: int) -> int:
    """Return one process's part of a limit, rounded up; none stays none."""
    return -(-number // processes)


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
