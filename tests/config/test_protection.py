"""The sections that protect the server from its DNS clients: `tcp`, `cookies`, `rate_limit`."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path

import pytest

from failoverdns.model.settings import Config, CookieSettings, TCPSettings

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


def test_everything_has_a_default(load: Load, right: str) -> None:
    """Cookies are answered, and nothing is rate limited."""
    config = load(right)
    assert config.tcp == TCPSettings(10, 1000, 200, 16 * 1024 * 1024)
    assert config.cookies == CookieSettings(answer=True, secret_file=None)
    assert config.rate_limit is None
    assert config.identity.nsid is None


def test_an_empty_mapping_turns_rate_limiting_on(load: Load, right: str) -> None:
    """Rates that are left out are the same as `responses_per_second`, that of all ten times it."""
    limit = load(right + "rate_limit: {}\n").rate_limit
    assert limit is not None
    assert (limit.responses_per_second, limit.nxdomains_per_second, limit.all_per_second) == (
        20,
        20,
        200,
    )
    assert (limit.nodata_per_second, limit.referrals_per_second) == (20, 20)
    limit = load(right + "rate_limit: {responses_per_second: 7, errors_per_second: 3}\n").rate_limit
    assert limit is not None
    assert (limit.nxdomains_per_second, limit.errors_per_second) == (7, 3)


def test_networks_and_paths_are_read(load: Load, right: str, tmp_path: Path) -> None:
    """A single address is a network of one; a path is relative to the file's folder."""
    config = load(
        right
        + "cookies: {secret_file: secrets}\n"
        + 'rate_limit: {exempt_clients: [192.0.2.1, "2001:db8::/32"]}\n'
    )
    assert config.cookies.secret_file == tmp_path / "secrets"
    assert config.rate_limit is not None
    assert config.rate_limit.exempt_clients == (
        ip_network("192.0.2.1/32"),
        ip_network("2001:db8::/32"),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tcp: {idle_timeout: 0}", "7:21 tcp.idle_timeout: must be at least 1, not 0"),
        (
            "tcp: {max_connections: 10, max_connections_per_prefix: 11}",
            "7:56 tcp.max_connections_per_prefix: must be at most max_connections, 10",
        ),
        ("tcp: {timeout: 3}", '7:7 tcp.timeout: unknown key; did you mean "idle_timeout"?'),
        ("cookies: {answer: yes}", "7:19 cookies.answer: must be true or false"),
        ("cookies: {secrets: x}", '7:11 cookies.secrets: unknown key; did you mean "secret_file"?'),
        (
            "rate_limit: {exempt_clients: [192.0.2.1/24]}",
            '7:31 rate_limit.exempt_clients[0]: "192.0.2.1/24" is not a network; write one such as '
            "192.0.2.0/24, 2001:db8::/32 or 192.0.2.53",
        ),
        (
            "rate_limit: {exempt_clients: [192.0.2.1, 192.0.2.1/32]}",
            "7:42 rate_limit.exempt_clients[1]: the network 192.0.2.1/32 is given twice",
        ),
        ("rate_limit: {slip: 11}", "7:20 rate_limit.slip: must be at most 10, not 11"),
        ("rate_limit: {slips: 1}", '7:14 rate_limit.slips: unknown key; did you mean "slip"?'),
    ],
)
def test_an_error_says_where_it_is_and_what_would_be_correct(
    shown: Shown, right: str, text: str, fault: str
) -> None:
    [line] = shown(right + text + "\n")
    assert line.startswith(fault)
