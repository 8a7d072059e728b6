"""A state, a history and a configuration of version 0.1.0 are used without a conversion step.

The folder `golden-0.1.0` is never changed.  It holds the files and output of that version after
the commands in `commands.txt`: the state file as SQL, the vault key, the configuration, and the
output of `records`, `history` and `history --export`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from system.server import Server

GOLDEN = Path(__file__).with_name("golden-0.1.0")
LAST_HASH = "c3dcc00b29789da31f206d159b3d45992e20826cc25b70c6552e7fc730dbc9f0"
"""The hash of the last change, as version 0.1.0 printed it."""

RETRIED = {"command": "switch", "groups": ["handbook"], "to": "primary", "op_id": "deploy-17"}


@pytest.fixture
def upgraded(tmp_path: Path) -> Iterator[Server]:
    """Start the current server on the files of version 0.1.0."""
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.executescript((GOLDEN / "state.sql").read_text())
    key = tmp_path / "vault.key"
    key.write_bytes((GOLDEN / "vault.key").read_bytes())
    key.chmod(0o600)
    server = Server(tmp_path, (GOLDEN / "failoverdns.yaml").read_text())
    try:
        yield server.start()
    finally:
        server.kill()


def test_a_state_of_version_0_1_0_is_served_as_it_was(upgraded: Server) -> None:
    """Records and history are the same, byte for byte, but for what this version does otherwise.

    The SOA records have other timers, and names without data have a marker; so the start gives each
    zone a higher serial number, which is one more change.
    """
    lines = upgraded.ctl("records").stdout.splitlines()
    markers = [line for line in lines if line.endswith(r" IN TYPE65350 \# 0")]
    assert len(markers) == 4
    before = (GOLDEN / "records.zone").read_text().splitlines()
    now = [line for line in lines if line not in markers]
    assert [_without_soa(line) for line in now] == [_without_soa(line) for line in before]
    for old, new in zip(before, now, strict=True):
        if " IN SOA " in old:
            assert new.split()[7:] == ["14400", "3600", "1209600", "60"]
            assert int(new.split()[6]) > int(old.split()[6])
    exported = upgraded.ctl("history", "--export").stdout
    golden = (GOLDEN / "history.jsonl").read_text()
    assert exported.startswith(golden)
    assert exported.removeprefix(golden).count("\n") == 1
    printed = upgraded.ctl("history", "--limit", "1000").stdout
    first, _, rest = printed.partition("\n")
    assert " r27 start " in first
    assert rest == (GOLDEN / "history.txt").read_text()
    verified = upgraded.ctl("history", "--verify", "--expect", LAST_HASH).stdout
    assert verified.startswith("verified: 27 change(s), the last has hash ")


def _without_soa(line: str) -> str:
    """Return a line of a zone file, an SOA record without its numbers."""
    return " ".join(line.split()[:6]) if " IN SOA " in line else line


def test_stored_data_of_version_0_1_0_still_has_its_effect(upgraded: Server) -> None:
    """A repeated `op_id`, a certificate in the vault, a retired label, and an open gate."""
    repeated = upgraded.ask(**RETRIED, id=1)
    assert repeated == json.loads((GOLDEN / "retried.json").read_text())
    certificate = json.loads(upgraded.ctl("--json", "certificate", "show", "shop-america").stdout)
    assert certificate["result"]["names"] == ["414-262-781.failover.test"]
    refused = upgraded.ctl(
        "group", "add", "new", "--zone", "failover.test", "--label", "gone", check=False
    )
    assert refused.returncode == 1
    assert "retired" in refused.stderr
    switched = upgraded.ctl("switch", "shop", "--to", "primary").stdout
    assert "switched from backup to primary" in switched
    assert "certificate" in switched
