"""Control processes and answering processes of different versions: they agree, or say why not."""

from __future__ import annotations

from hashlib import sha256

import pytest
from samples import HOSTNAME, name

from failoverdns.answering.settings import UNCONFIGURED, read_worker_settings, write_worker_settings
from failoverdns.model.change import Delta, Node
from failoverdns.model.errors import Rejected
from failoverdns.model.records import RRset, Text
from failoverdns.protocol.table.deltas import write_parts
from failoverdns.workers.calls import OTHER_VERSION, PROTOCOL, Call, check_protocol
from failoverdns.workers.first_version import translated

FORMAT = "cf220563eb7217f3"
SETTINGS = {"cookies", "identity", "querylog", "rate_limit", "secondaries", "tcp", "tsig_keys"}


def test_the_format_of_deltas_and_settings_changes_only_with_the_protocol() -> None:
    """If this fails on purpose, raise `PROTOCOL`, and note the new format here."""
    node = Node(name(HOSTNAME), name("failover.test"), (RRset(16, 60, (Text((b"x",)),)),), 60)
    written = b"".join(write_parts(Delta(nodes=(node,), removed=(name("a.failover.test"),))))
    assert (PROTOCOL, sha256(written).hexdigest()[:16]) == (1, FORMAT)
    assert set(write_worker_settings(UNCONFIGURED)) == SETTINGS


def test_another_protocol_is_refused_with_both_numbers() -> None:
    check_protocol({"protocol": PROTOCOL})
    with pytest.raises(Rejected, match=f"speaks {PROTOCOL}, not {PROTOCOL + 1}") as refused:
        check_protocol({"protocol": PROTOCOL + 1})
    assert refused.value.code == OTHER_VERSION


def test_a_control_process_of_version_0_1_0_is_understood() -> None:
    """A worker that it starts after the upgrade has to answer until the control process ends."""
    check_protocol({})
    written = write_worker_settings(UNCONFIGURED)
    later = ("cookies", "secondaries", "tsig_keys")
    old = {key: value for key, value in written.items() if key not in later}
    call, arguments = translated("agree", {"agreement": {**old, "secrets": []}})
    assert call == Call.CONFIGURE
    assert read_worker_settings(arguments["settings"]) == UNCONFIGURED
    limits = {"responses_per_second": 0, "nxdomains_per_second": 5, "all_per_second": 0}
    old["rate_limit"] = limits
    _, arguments = translated("agree", {"agreement": {**old, "secrets": []}})
    read = read_worker_settings(arguments["settings"]).rate_limit
    assert read is not None
    assert (read.nodata_per_second, read.referrals_per_second, read.all_per_second) == (0, 0, 0)
    assert translated("open", {"sockets": []}) == ("open", {"sockets": []})
