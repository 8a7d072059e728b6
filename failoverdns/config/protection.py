"""What protects the server from strangers: `tcp`, `cookies`, `rate_limit`; and `querylog`.

Refuses to know single values (checked in `values`), and to look into the files that are named.
"""

from __future__ import annotations

from pathlib import Path

from failoverdns.config.document import Node, refuse_repeated
from failoverdns.config.errors import FaultReport
from failoverdns.config.scalars import absolute
from failoverdns.config.sections import (
    CookiesSection,
    QueryLogSection,
    RateLimitSection,
    TCPSection,
)
from failoverdns.model.limits import RateLimits
from failoverdns.model.settings import CookieSettings, QueryLogSettings, TCPSettings


def read_tcp(section: TCPSection, usable: Node, report: FaultReport) -> TCPSettings:
    """Make settings of `tcp`; note in `report` a share that is more than the whole.

    `usable` is the document that the section is of.
    """
    node = usable.at("tcp", "max_connections_per_prefix")
    if section.max_connections_per_prefix > section.max_connections and node is not None:
        report.add(node.place, f"must be at most max_connections, {section.max_connections}")
    return TCPSettings(
        section.idle_timeout,
        section.max_connections,
        min(section.max_connections_per_prefix, section.max_connections),
        section.max_buffered << 20,
    )


def read_cookies(section: CookiesSection, folder: Path) -> CookieSettings:
    """Make settings of `cookies`; `folder` completes a relative path."""
    file = section.secret_file
    return CookieSettings(section.answer, absolute(file, folder) if file is not None else None)


def read_query_log(section: QueryLogSection | None, folder: Path) -> QueryLogSettings | None:
    """Make settings of `querylog`, None where it is left out; `folder` completes the path."""
    if section is None:
        return None
    return QueryLogSettings(absolute(section.file, folder), section.max_size << 20)


def read_rate_limit(
    section: RateLimitSection | None, usable: Node, report: FaultReport
) -> RateLimits | None:
    """Make limits of `rate_limit`, None where it is left out; note what is given twice."""
    if section is None:
        return None
    exempt = usable.at("rate_limit", "exempt_clients")
    refuse_repeated(section.exempt_clients, exempt, "network", report)
    responses = section.responses_per_second

    def or_as_responses(rate: int | None) -> int:
        return responses if rate is None else rate

    return RateLimits(
        responses_per_second=responses,
        nxdomains_per_second=or_as_responses(section.nxdomains_per_second),
        errors_per_second=or_as_responses(section.errors_per_second),
        all_per_second=section.all_per_second,
        window=section.window,
        slip=section.slip,
        ipv4_prefix_length=section.ipv4_prefix_length,
        ipv6_prefix_length=section.ipv6_prefix_length,
        max_table_size=section.max_table_size,
        exempt_clients=tuple(section.exempt_clients),
    )
