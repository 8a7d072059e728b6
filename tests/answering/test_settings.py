"""The settings of workers: equal for all of them, with limits that are divided between them."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

from failoverdns.answering.settings import (
    WorkerSettings,
    answer_settings_of,
    read_worker_settings,
    share_of,
    write_worker_settings,
)
from failoverdns.model.limits import RateLimits
from failoverdns.model.settings import Identity, QueryLogSettings, TCPSettings
from failoverdns.protocol.cookies import CookieSecrets

SECRET = bytes(range(16))
SETTINGS = WorkerSettings(
    cookies=CookieSecrets((SECRET,)),
    identity=Identity("ns1", None, "ns1.example"),
    tcp=TCPSettings(max_connections=1001, max_connections_per_prefix=7),
    rate_limit=RateLimits(
        responses_per_second=5,
        all_per_second=0,
        exempt_clients=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    ),
    querylog=QueryLogSettings(Path("/var/log/queries"), 1000),
)


def test_the_settings_of_a_worker_arrive_as_they_were_sent() -> None:
    """They are sent as JSON."""
    assert read_worker_settings(json.loads(json.dumps(write_worker_settings(SETTINGS)))) == SETTINGS


def test_limits_hold_for_all_processes_together() -> None:
    """Limits are rounded up, so that none becomes 0; the limit per network is not divided."""
    share = share_of(SETTINGS, 2)
    assert share.tcp.max_connections == 501
    assert share.tcp.max_connections_per_prefix == 7
    assert share.rate_limit is not None
    assert (share.rate_limit.responses_per_second, share.rate_limit.all_per_second) == (3, 0)
    assert share_of(SETTINGS, 1) == SETTINGS


def test_a_reload_keeps_the_accounts_of_an_unchanged_limit() -> None:
    """The cookie secrets are those that were sent."""
    settings = answer_settings_of(SETTINGS, None)
    assert settings.cookies is not None
    assert settings.cookies.secrets == (SECRET,)
    assert answer_settings_of(SETTINGS, settings.limiter).limiter is settings.limiter
    assert b"\2id\6server\0" in settings.chaos
