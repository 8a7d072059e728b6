"""The sections `tcp`, `cookies`, `rate_limit` and `querylog`.

The files that they name are not opened here: their content may change while the server runs.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import Field

from failoverdns.config import scalars as values
from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport
from failoverdns.config.section import MIB, Boolean, FilePath, Section, or_empty, text
from failoverdns.model.limits import ALL_FACTOR, RateLimits
from failoverdns.model.settings import CookieSettings, QueryLogSettings, TCPSettings

Network = Annotated[IPv4Network | IPv6Network, text(values.network)]
Rate = Annotated[int, Field(ge=0, le=1_000_000)]

_TCP, _COOKIES, _LIMITS = TCPSettings(), CookieSettings(), RateLimits()
_QUERY_LOG = QueryLogSettings(Path("queries.json"))


class TCPSection(Section):
    """The keys of `tcp`; the timeouts in seconds, `max_buffered` in MiB."""

    initial_timeout: Annotated[int, Field(ge=1, le=3600)] = _TCP.initial_timeout
    idle_timeout: Annotated[int, Field(ge=1, le=3600)] = _TCP.idle_timeout
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = _TCP.max_connections
    max_connections_per_prefix: Annotated[int, Field(ge=1, le=100_000)] = (
        _TCP.max_connections_per_prefix
    )
    max_buffered: Annotated[int, Field(ge=1, le=4096), MIB] = _TCP.max_buffered


class CookiesSection(Section):
    """The keys of `cookies`."""

    answer: Boolean = _COOKIES.answer
    secret_file: FilePath | None = _COOKIES.secret_file


class RateLimitSection(Section):
    """The keys of `rate_limit`.

    A rate that is None is `responses_per_second`; `all_per_second` is ten times that.
    """

    responses_per_second: Rate = _LIMITS.responses_per_second
    nodata_per_second: Rate | None = None
    nxdomains_per_second: Rate | None = None
    referrals_per_second: Rate | None = None
    errors_per_second: Rate | None = None
    all_per_second: Rate | None = None
    window: Annotated[int, Field(ge=1, le=3600)] = _LIMITS.window
    slip: Annotated[int, Field(ge=0, le=10)] = _LIMITS.slip
    ipv4_prefix_length: Annotated[int, Field(ge=1, le=32)] = _LIMITS.ipv4_prefix_length
    ipv6_prefix_length: Annotated[int, Field(ge=1, le=128)] = _LIMITS.ipv6_prefix_length
    max_table_size: Annotated[int, Field(ge=1000, le=10_000_000)] = _LIMITS.max_table_size
    exempt_clients: Annotated[list[Network], or_empty(list)] = []


class QueryLogSection(Section):
    """The keys of `querylog`; `max_size` in MiB."""

    file: FilePath = _QUERY_LOG.file
    max_size: Annotated[int, Field(ge=1, le=100_000), MIB] = _QUERY_LOG.max_size


def read_tcp(section: TCPSection, usable: Node, faults: FaultReport) -> TCPSettings:
    """Return the settings of `tcp`; report a limit per prefix that exceeds the limit for all.

    `usable` is the document that the section was made of.
    """
    node = usable.at("tcp", "max_connections_per_prefix")
    if section.max_connections_per_prefix > section.max_connections and node is not None:
        faults.add(node.place, f"must be at most max_connections, {section.max_connections}")
    per_prefix = min(section.max_connections_per_prefix, section.max_connections)
    return section.into(TCPSettings, max_connections_per_prefix=per_prefix)


def read_rate_limit(section: RateLimitSection, usable: Node, faults: FaultReport) -> RateLimits:
    """Return the limits of `rate_limit`; report networks that are given twice.

    `usable` is the document that the section was made of.
    """
    exempt = usable.at("rate_limit", "exempt_clients")
    refuse_repeated(section.exempt_clients, exempt, "network", faults)
    responses, everything = section.responses_per_second, section.all_per_second
    rates = {"all_per_second": ALL_FACTOR * responses if everything is None else everything}
    for name in (
        "nodata_per_second",
        "nxdomains_per_second",
        "referrals_per_second",
        "errors_per_second",
    ):
        rate = getattr(section, name)
        rates[name] = responses if rate is None else rate
    return section.into(RateLimits, **rates)
