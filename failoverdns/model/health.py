"""Health: checks of web heads, what they found, and what an operator says against it.

Times are *steady* seconds: of a clock that is that of the wall when the server starts and that
nobody sets from then on, so that an adjusted clock makes nothing look long or short.
Refuses to know sockets, and what follows from health: that is a rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

MAX_BODY = 65536
"""Bytes of an HTTP response's body that a check looks at."""


class Health(Enum):
    """What is known of a head, an application or a side; `unknown` is neither good nor bad."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


class Cause(Enum):
    """Why a probe failed."""

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


class CheckKind(Enum):
    """How a check looks at a head."""

    TCP = "tcp"
    HTTP = "http"
    HTTPS = "https"
    TLS = "tls"
    EXEC = "exec"
    PUSH = "push"


DEFAULT_PORTS: Mapping[CheckKind, int] = {
    CheckKind.HTTP: 80,
    CheckKind.HTTPS: 443,
    CheckKind.TLS: 443,
}
"""The port of a check that names none; a check of the type `tcp` has to name one."""

REPORTS_NEEDED = 1
"""How many pushed reports in a row change what is known, unless a check says otherwise."""


Quorum = Literal["any", "all"] | int
"""How many parts have to be up for the whole to be: one, all of them, or at least that many."""


@dataclass(frozen=True, slots=True)
class HttpExpectation:
    """What is asked for over HTTP, and which response is good.

    `host` is the Host field; None for the first of the target's names, or its address.
    `status` are ranges, both ends included.  `body` is a text that has to be in the first
    `MAX_BODY` bytes of the body, `body_pattern` a regular expression that has to match there.
    `redirects` is how many are followed; 0 takes a redirect as the response that it is.
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
    """How a server's certificate is judged.

    With `verify` its chain has to lead to a CA that is trusted (those of `ca_file`, a path, or the
    system's), it has to be valid now and for every one of the target's names; `days_left` is how
    many days it has to be valid still.
    `server_name` is sent (SNI) and checked in place of the target's names.
    """

    verify: bool = True
    server_name: str | None = None
    ca_file: str | None = None
    days_left: int = 0


@dataclass(frozen=True, slots=True)
class Check:
    """A way to look at heads; applications say by name which checks their heads have to pass.

    `interval`, `timeout` and `ttl` in seconds; `jitter` is the part of the interval by which a
    probe may come sooner or later.  `up_after` good and `down_after` bad probes in a row change
    what is known.  `sources` are the addresses that probes are sent from, one a family at most.
    `run` is the program of an `exec` check and its arguments; `ttl` is how long a report counts
    that a `push` check was sent without one.
    """

    name: str
    kind: CheckKind
    port: int = 0
    interval: float = 10.0
    timeout: float = 3.0
    jitter: float = 0.1
    up_after: int = 2
    down_after: int = 4
    sources: tuple[IPv4Address | IPv6Address, ...] = ()
    http: HttpExpectation = HttpExpectation()
    tls: TlsExpectation = TlsExpectation()
    run: tuple[str, ...] = ()
    ttl: float = 60.0


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """What one probe looks at: an address of a head.

    `names` are the host names that the head is asked for by clients: the first one is sent as
    Host and SNI, and a certificate is checked for them all.
    `application` and `head` are names, for programs and messages.
    """

    check: Check
    application: str
    head: str
    address: IPv4Address | IPv6Address
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What a probe found: it is good if there is no cause against it.

    `detail` says more in words; `seconds` is how long it took.
    """

    cause: Cause | None
    detail: str
    seconds: float

    @property
    def is_good(self) -> bool:
        """True if the head passed."""
        return self.cause is None


@dataclass(frozen=True, slots=True)
class Observed:
    """What probing says of a head by now, since when (steady seconds), and why it is down."""

    health: Health
    since: float
    cause: Cause | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Forced:
    """What an operator says of a head or an application, whatever is observed."""

    health: Health
    since: float
    reason: str | None = None
