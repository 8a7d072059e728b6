"""The settings of the processes that answer: made by the control process, sent to every worker.

A reload replaces them as a whole.  Two things survive it: cookie secrets that the server made
itself, and the accounts of a rate limit that did not change.
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


class CannotReadSecrets(Exception):
    """The file of cookie secrets cannot be used; the text names it and says what would be right."""


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """All that the control process sends to a worker beside names and sockets.

    `secrets` are the cookie secrets, as hex digits; without any, cookies are off.
    """

    secrets: tuple[str, ...]
    identity: Identity
    tcp: TCPSettings
    rate_limit: RateLimits | None
    querylog: QueryLogSettings | None


_JSON = TypeAdapter(WorkerSettings)


def make_worker_settings(
    config: Config, old: WorkerSettings | None, make_secret: MakeSecret
) -> WorkerSettings:
    """Return the settings that a configuration asks for; raises CannotReadSecrets.

    `old` are those in use, if there are any: secrets that the server made itself are kept.
    """
    return WorkerSettings(
        secrets=_secrets(config.cookies, old.secrets if old else (), make_secret),
        identity=config.identity,
        tcp=config.tcp,
        rate_limit=config.rate_limit,
        querylog=config.querylog,
    )


def rotated(config: Config, settings: WorkerSettings, make_secret: MakeSecret) -> WorkerSettings:
    """Return the settings with a new cookie secret, if the server makes its secrets itself."""
    if not settings.secrets or config.cookies.secret_file is not None:
        return settings
    secrets = CookieSecrets(tuple(map(bytes.fromhex, settings.secrets)))
    return replace(settings, secrets=_texts(secrets.followed_by(make_secret())))


def share_of(settings: WorkerSettings, processes: int) -> WorkerSettings:
    """Return the settings of each of several processes, so that limits hold for all together.

    Clients are spread over the processes by their ports, so those of one network meet all of them.
    """
    tcp, limits = settings.tcp, settings.rate_limit
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
    return replace(settings, tcp=tcp, rate_limit=limits)


def answer_settings_of(settings: WorkerSettings, old: AnswerSettings) -> AnswerSettings:
    """Return what the query path needs; the accounts of an unchanged rate limit are kept."""
    secrets, identity, limits = settings.secrets, settings.identity, settings.rate_limit
    return AnswerSettings(
        cookies=CookieSecrets(tuple(map(bytes.fromhex, secrets))) if secrets else None,
        nsid=identity.nsid.encode() if identity.nsid is not None else None,
        idle_timeout=settings.tcp.idle_timeout,
        limiter=_limiter(limits, old.limiter),
        chaos=chaos_rrsets(identity.id, identity.version),
    )


def write_worker_settings(settings: WorkerSettings) -> dict[str, Any]:
    """Return the settings as JSON."""
    written: dict[str, Any] = _JSON.dump_python(settings, mode="json")
    return written


def read_worker_settings(written: dict[str, Any]) -> WorkerSettings:
    """Return the settings from JSON; raises ValueError."""
    return _JSON.validate_python(written)


def _secrets(
    cookies: CookieSettings, old: tuple[str, ...], make_secret: MakeSecret
) -> tuple[str, ...]:
    if not cookies.answer:
        return ()
    if cookies.secret_file is not None:
        return _texts(_read(cookies.secret_file))
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
        raise CannotReadSecrets(f"cookies.secret_file: {path}: {fault.strerror}") from None
    except Malformed as fault:
        raise CannotReadSecrets(f"cookies.secret_file: {path}: {fault}") from None
