"""What answering processes are told: the same for all, and limits that hold for all together."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

from failoverdns.answering.responding import AnswerSettings
from failoverdns.answering.settings import (
    WorkerSettings,
    read_agreement,
    share_of,
    terms_of,
    write_agreement,
)
from failoverdns.model.limits import RateLimits
from failoverdns.model.settings import Identity, QueryLogSettings, TCPSettings

SECRET = "000102030405060708090a0b0c0d0e0f"
AGREEMENT = WorkerSettings(
    secrets=(SECRET,),
    identity=Identity("ns1", None, "ns1.example"),
    tcp=TCPSettings(max_connections=1001, max_connections_per_prefix=7),
    rate_limit=RateLimits(
        responses_per_second=5,
        all_per_second=0,
        exempt_clients=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")),
    ),
    querylog=QueryLogSettings(Path("/var/log/queries"), 1000),
)


def test_an_agreement_arrives_as_it_was_sent() -> None:
    """Through JSON, as calls are."""
    assert read_agreement(json.loads(json.dumps(write_agreement(AGREEMENT)))) == AGREEMENT


def test_limits_hold_for_all_processes_together() -> None:
    """Rounded up, so that nobody gets nothing; what is off stays off; a prefix is not divided."""
    share = share_of(AGREEMENT, 2)
    assert share.tcp.max_connections == 501
    assert share.tcp.max_connections_per_prefix == 7
    assert share.rate_limit is not None
    assert (share.rate_limit.responses_per_second, share.rate_limit.all_per_second) == (3, 0)
    assert share_of(AGREEMENT, 1) == AGREEMENT


def test_terms_keep_what_lives_on_of_the_old_ones() -> None:
    """Accounts of a limit that stays the same; the secrets are those agreed on."""
    settings = terms_of(AGREEMENT, AnswerSettings())
    assert settings.cookies is not None
    assert settings.cookies.secrets == (bytes.fromhex(SECRET),)
    assert terms_of(AGREEMENT, settings).limiter is settings.limiter
    assert b"\2id\6server\0" in settings.chaos
