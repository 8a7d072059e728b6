"""Checks of web heads, the health that they find, and health that an operator forces.

Times are *steady* seconds: they are read from a clock that starts with the time of the wall clock
and is never set, so that an adjustment of the wall clock changes no interval.
What follows from health is a rule: see `failoverdns.rules.derived.health`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

from failoverdns.model.names import is_address

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
"""A host name, and no wildcard."""

MAX_BODY = 65536
"""Bytes of an HTTP response's body that a check reads."""


class Health(Enum):
    """The health of a head, an application or a side; `unknown` is neither good nor bad."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class Cause(Enum):
    """Why a probe failed, or found nothing out (`LOCAL`)."""

    TIMEOUT = "timeout"
    REFUSED = "refused"
    RESET = "reset"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    STATUS = "status"
    BODY = "body"
    PROTOCOL = "protocol"
    RESOLVE = "resolve"
    EXIT = "exit"
    REPORTED = "reported"
    EXPIRED = "expired"
    LOCAL = "local"
    """The prober's own machine lacks something: the result says nothing about the head."""


class CheckKind(Enum):
    """How a check tests a head; `CHECK_KINDS` has the facts of each kind."""

    TCP = "tcp"
    HTTP = "http"
    HTTPS = "https"
    TLS = "tls"
    EXEC = "exec"
    PUSH = "push"

    @property
    def is_probed(self) -> bool:
        """True if the server probes; False if heads or monitors report their health."""
        return CheckPart.PROBE in CHECK_KINDS[self].parts

    @property
    def asks_for_name(self) -> bool:
        """True if probes of this kind send a host name, as Host or SNI."""
        return bool({CheckPart.HTTP, CheckPart.TLS} & CHECK_KINDS[self].parts)

    @property
    def default_port(self) -> int | None:
        """The port of a check without `port`; None if this kind has no default port."""
        return CHECK_KINDS[self].default_port


class CheckPart(Enum):
    """A group of a check's settings that only some kinds of checks have."""

    PROBE = "intervals, timeout and jitter"
    CONNECTION = "port and sources"
    HTTP = "request and expected response"
    TLS = "trusted CAs and what a certificate has to be"
    PROGRAM = "program and arguments"
    REPORT = "how long a report counts"


@dataclass(frozen=True, slots=True)
class CheckTraits:
    """The facts of a kind of check: the settings that it has, and its default port."""

    parts: frozenset[CheckPart]
    default_port: int | None = None


_CONNECTED: Final = frozenset((CheckPart.PROBE, CheckPart.CONNECTION))

CHECK_KINDS: Final[Mapping[CheckKind, CheckTraits]] = {
    CheckKind.TCP: CheckTraits(_CONNECTED),
    CheckKind.HTTP: CheckTraits(_CONNECTED | {CheckPart.HTTP}, 80),
    CheckKind.HTTPS: CheckTraits(_CONNECTED | {CheckPart.HTTP, CheckPart.TLS}, 443),
    CheckKind.TLS: CheckTraits(_CONNECTED | {CheckPart.TLS}, 443),
    CheckKind.EXEC: CheckTraits(frozenset((CheckPart.PROBE, CheckPart.PROGRAM))),
    CheckKind.PUSH: CheckTraits(frozenset((CheckPart.REPORT,))),
}
"""The facts of each kind, used by `config.automation` and `probing.kinds`."""


REPORTS_NEEDED = 1
"""How many equal reports in a row change the health of a `push` check, by default."""


Quorum = Literal["any", "all"] | int
"""How many parts must be up for the whole to be up: one, all of them, or this number."""


@dataclass(frozen=True, slots=True)
class HttpExpectation:
    """The HTTP request of a check, and the response that passes it.

    `host` is the Host field; with None it is the target's server name, or its address.
    `status` are ranges, both ends included.  `body` is a text that must be in the first `MAX_BODY`
    bytes of the body, `body_pattern` a regular expression that must match there.
    `redirects` is how many redirects are followed; with 0 a redirect is itself the response.
    """

    method: str = "GET"
    path: str = "/"
    host: str | None = None
    status: tuple[tuple[int, int], ...] = ((200, 299),)
    body: str | None = None
    body_pattern: str | None = None
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class TlsExpectation:
    """What a server's certificate must be to pass a check.

    With `verify` its chain must lead to a trusted CA (those of `ca_file`, a path, or the system's),
    and it must be valid now and for each of the target's names; `days_left` is the least number of
    days that it must remain valid.
    `server_name` is sent (SNI) and checked in place of the target's names.
    """

    verify: bool = True
    server_name: str | None = None
    ca_file: str | None = None
    days_left: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """A health check of heads, to which applications refer by name.

    `interval`, `timeout` and `ttl` in seconds; `jitter` is the part of the interval by which a
    probe may be early or late.  `up_after` good or `down_after` bad probes in a row change the
    health; until it is settled, probes are sent every `fast_interval` seconds, if that is less than
    `interval`.  `sources` are the addresses that probes are sent from, at most one of each family.
    `run` is the program of an `exec` check and its arguments.  `ttl` is how long a report to a
    `push` check counts if the report does not say.
    """

    name: str
    kind: CheckKind
    port: int = 0
    interval: float = 10.0
    fast_interval: float = 1.0
    timeout: float = 3.0
    jitter: float = 0.1
    up_after: int = 2
    down_after: int = 4
    sources: tuple[IPv4Address | IPv6Address, ...] = ()
    http: HttpExpectation = HttpExpectation()
    tls: TlsExpectation = TlsExpectation()
    run: tuple[str, ...] = ()
    ttl: float = 60.0

    @property
    def longest_gap(self) -> float:
        """The longest time between two regular probes of a head, in seconds.

        A server that was cut off from both sides may see one of them up again this much later than
        the other one.
        """
        return self.interval * (1.0 + 2.0 * self.jitter)

    @property
    def recovery_time(self) -> float:
        """The seconds in which a head that was taken for down can be up again, at the earliest.

        A policy whose grace is shorter than this prevents no false switch.
        """
        return self.up_after * min(self.fast_interval, self.interval)


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """The target of one probe: an address of a head, and the check to run.

    `names` are the host names that clients use, and addresses: the first host name is sent as Host
    and SNI, and a certificate is checked for all of them.  `advice` says what to set in the check
    where they are not known, and is empty otherwise.
    `application` and `head` are names, for programs and messages.
    """

    check: Check
    application: str
    head: str
    address: IPv4Address | IPv6Address
    names: tuple[str, ...] = ()
    advice: str = ""

    @property
    def server_name(self) -> str | None:
        """The host name to ask for, in SNI and Host; None if only addresses are known.

        It is the configured one, or else the first name that clients use; the name in the
        configured Host only without these.
        """
        configured, host = self.check.tls.server_name, self.check.http.host or ""
        candidates = (*self.names, _without_port(host)) if configured is None else (configured,)
        return next((name for name in candidates if _is_host_name(name)), None)

    @property
    def is_unnamed(self) -> bool:
        """True if the server certainly has names, and it is not known which one to ask for."""
        return bool(self.advice) and CheckPart.TLS in CHECK_KINDS[self.check.kind].parts


def _is_host_name(text: str) -> bool:
    return bool(_HOST_NAME.fullmatch(text)) and not is_address(text)


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() else host


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe; the head passed if `cause` is None, and is unknown if it is `LOCAL`.

    `detail` describes the result in words; `seconds` is how long the probe took.
    """

    cause: Cause | None
    detail: str
    seconds: float

    @property
    def is_good(self) -> bool:
        """True if the head passed."""
        return self.cause is None

    @property
    def is_unknown(self) -> bool:
        """True if the probe found nothing out, because this machine lacks what it needs."""
        return self.cause is Cause.LOCAL


@dataclass(frozen=True, slots=True)
class Observed:
    """The health of a head as probes found it, since when (steady seconds), and why.

    `cause` and `detail` say why it is down, or that it is unknown because of this machine.
    """

    health: Health
    since: float
    cause: Cause | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Forced:
    """The health that an operator forces on a head or an application (`since`: steady seconds)."""

    health: Health
    since: float
    reason: str | None = None
