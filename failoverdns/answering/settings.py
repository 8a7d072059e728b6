"""The settings of workers, which the control process makes and sends to every worker.

A reload of the configuration replaces them as a whole.  Two things survive it: cookie secrets that
the server made itself, and the accounts of a rate limit that did not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from failoverdns.answering.limiting import Limiter, make_limiter
from failoverdns.model.errors import Malformed
from failoverdns.model.limits import RateLimits
from failoverdns.model.names import DomainName
from failoverdns.model.settings import (
    Config,
    CookieSettings,
    Identity,
    QueryLogSettings,
    TCPSettings,
)
from failoverdns.protocol.chaos import chaos_rrsets
from failoverdns.protocol.cookies import CookieSecrets, read_secrets
from failoverdns.protocol.records import CompiledRRset
from failoverdns.secret_files import read_secret

MAX_FILE = 4096
"""The largest size of a file of cookie secrets, in bytes."""

ROTATION = 24 * 3600.0
"""Seconds that a secret of the server's own makes cookies; it verifies them as long again."""

MakeSecret = Callable[[], bytes]
"""Returns 16 random bytes."""


class CannotReadSecrets(Exception):
    """The file of cookie secrets cannot be used; the text has its path, the reason and a remedy."""


def _write_secrets(cookies: CookieSecrets | None) -> list[str] | None:
    return [secret.hex() for secret in cookies.secrets] if cookies is not None else None


def _write_name(name: DomainName) -> str:
    return name.to_text()


def _read_name(written: str) -> DomainName:
    return DomainName.from_text(written)


def _read_secrets(written: list[str] | None) -> CookieSecrets | None:
    return CookieSecrets(tuple(map(bytes.fromhex, written))) if written is not None else None


_Name = Annotated[DomainName, PlainValidator(_read_name), PlainSerializer(_write_name)]


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """The settings that a reply depends on, beside the table.

    Without `cookies` the COOKIE option is ignored.  `nsid` answers the NSID option, `idle_timeout`
    (in seconds) the keepalive option over TCP, `chaos` queries of class CHAOS, by name.  Without
    `limiter` every reply is sent.  `keys` are the names of TSIG keys in wire form: what is signed
    with one is handed over.
    """

    cookies: CookieSecrets | None
    nsid: bytes | None
    idle_timeout: float
    limiter: Limiter | None
    chaos: Mapping[bytes, CompiledRRset]
    keys: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that the control process sends to a worker beside names and sockets.

    With `cookies` of None there are no DNS cookies; the rest is as in the configuration.  Of TSIG
    keys there are the names only, of secondaries the addresses.
    """

    cookies: Annotated[
        CookieSecrets | None, PlainSerializer(_write_secrets), PlainValidator(_read_secrets)
    ]
    identity: Identity
    tcp: TCPSettings
    rate_limit: RateLimits | None
    querylog: QueryLogSettings | None
    tsig_keys: tuple[_Name, ...] = ()
    secondaries: tuple[str, ...] = ()


UNCONFIGURED: Final = WorkerSettings(
    cookies=None,
    identity=Identity(None, None),
    tcp=TCPSettings(0, 0, 0, 0),
    rate_limit=None,
    querylog=None,
)
"""The settings of a worker before it gets any; it has no open socket then."""

_JSON = TypeAdapter(WorkerSettings)


def make_worker_settings(
    config: Config, old: WorkerSettings | None, make_secret: MakeSecret
) -> WorkerSettings:
    """Return the worker settings of a configuration; raises CannotReadSecrets.

    `old` are the settings in use, if any: cookie secrets that the server made itself are kept.
    """
    return WorkerSettings(
        cookies=_secrets(config.cookies, old.cookies if old else None, make_secret),
        identity=config.identity,
        tcp=config.tcp,
        rate_limit=config.rate_limit,
        querylog=config.querylog,
        tsig_keys=tuple(key.name for key in config.tsig_keys),
        secondaries=tuple(sorted({str(one.address.host) for one in config.secondaries})),
    )


def rotated(config: Config, settings: WorkerSettings, make_secret: MakeSecret) -> WorkerSettings:
    """Return the settings with a new cookie secret, if the server makes its secrets itself.

    Otherwise the settings are returned unchanged.
    """
    if settings.cookies is None or config.cookies.secret_file is not None:
        return settings
    return replace(settings, cookies=settings.cookies.followed_by(make_secret()))


def share_of(settings: WorkerSettings, processes: int) -> WorkerSettings:
    """Return the settings of each of several processes, with limits divided between them.

    The kernel distributes clients over the processes by port, so each process meets clients of
    every network.
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
            nodata_per_second=_part(limits.nodata_per_second, processes),
            nxdomains_per_second=_part(limits.nxdomains_per_second, processes),
            referrals_per_second=_part(limits.referrals_per_second, processes),
            errors_per_second=_part(limits.errors_per_second, processes),
            all_per_second=_part(limits.all_per_second, processes),
        )
    return replace(settings, tcp=tcp, rate_limit=limits)


def answer_settings_of(settings: WorkerSettings, limiter: Limiter | None) -> AnswerSettings:
    """Return the settings of answers; `limiter` is reused if its rate limit is unchanged."""
    identity = settings.identity
    return AnswerSettings(
        cookies=settings.cookies,
        nsid=identity.nsid.encode() if identity.nsid is not None else None,
        idle_timeout=settings.tcp.idle_timeout,
        limiter=_limiter(settings.rate_limit, limiter),
        chaos=chaos_rrsets(identity.id, identity.version),
        keys=frozenset(name.wire for name in settings.tsig_keys),
    )


def write_worker_settings(settings: WorkerSettings) -> dict[str, Any]:
    """Return worker settings as a JSON object."""
    written: dict[str, Any] = _JSON.dump_python(settings, mode="json")
    return written


def read_worker_settings(written: dict[str, Any]) -> WorkerSettings:
    """Return worker settings from a JSON object; raises ValueError."""
    return _JSON.validate_python(written)


def _secrets(
    settings: CookieSettings, old: CookieSecrets | None, make_secret: MakeSecret
) -> CookieSecrets | None:
    if not settings.answer:
        return None
    if settings.secret_file is not None:
        return _read(settings.secret_file)
    return old or CookieSecrets((make_secret(),))


def _part(number: int, processes: int) -> int:
    """Return one process's part of a limit, rounded up; 0 (no limit) stays 0."""
    return -(-number // processes)


def _limiter(limits: RateLimits | None, old: Limiter | None) -> Limiter | None:
    if limits is None:
        return None
    return old if old is not None and old.limits == limits else make_limiter(limits)


def _read(path: Path) -> CookieSecrets:
    try:
        return read_secrets(read_secret(path, MAX_FILE).decode("latin-1"))
    except OSError as fault:
        raise CannotReadSecrets(f"cookies.secret_file: {path}: {fault.strerror}") from None
    except Malformed as fault:
        raise CannotReadSecrets(f"cookies.secret_file: {path}: {fault}") from None
