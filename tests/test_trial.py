"""The trial before a restart: what it finds, and that it leaves everything as it was."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import at_once, run
from store.test_store import GROUP, change
from vaults import vault_beside

from failoverdns.config import load_config
from failoverdns.model.change import Write
from failoverdns.model.settings import Config
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.trial import CannotServe, check_start, in_use, read_in_use, write_in_use

CONFIG = """\
zones:
  failover.test:
    nameservers: {ns1: [127.0.0.1]}
listen: ["127.0.0.1:5301"]
control: {socket: control.sock}
state: {sqlite: state.db}
"""
DELIVERY = """\
delivery:
  listen: ["127.0.0.1:8443"]
  certificate: a.pem
  key: a.key
  client_ca: ca.pem
  clients: {web: [shop]}
"""

Make = Callable[[str], Config]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Return a function that loads a configuration from its text."""

    def make(text: str) -> Config:
        file = tmp_path / "failoverdns.yaml"
        file.write_text(text)
        return load_config(file)

    return make


def test_a_start_that_would_succeed_is_described_and_nothing_is_made(
    make: Make, tmp_path: Path
) -> None:
    config = make(CONFIG)
    found = check_start(config, in_use(config))
    assert found.endswith("1 zone(s), 0 group(s), revision 0")
    assert [path.name for path in tmp_path.iterdir()] == ["failoverdns.yaml"]


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        ("cookies: {secret_file: missing}\n", "missing"),
        ("control: {socket: control.sock, allow: [nobody-of-this-name]}\n", "there is no user"),
        (DELIVERY, "a.pem"),
        (
            "tsig_keys: {xfr.test: {secret_file: x.key}}\n",
            "tsig_keys.xfr.test.secret_file: .*x.key",
        ),
    ],
)
def test_what_a_start_would_refuse_is_refused(make: Make, more: str, fault: str) -> None:
    text = CONFIG
    if more.startswith("control"):
        text = text.replace("control: {socket: control.sock}\n", "")
    with pytest.raises(CannotServe, match=fault):
        check_start(make(text + more), None)


def test_a_state_file_that_is_not_there_is_no_way_to_lose_all_groups(make: Make) -> None:
    used = in_use(make(CONFIG))
    with pytest.raises(CannotServe, match=r"typo\.db does not exist, and the groups"):
        check_start(make(CONFIG.replace("state.db", "typo.db")), used)


def test_a_configuration_that_contradicts_the_state_is_refused(make: Make, tmp_path: Path) -> None:
    config = make(CONFIG.replace("failover.test", "other.test"))
    path = tmp_path / "state.db"
    store = SQLiteStore(path, at_once, vault_beside(path))
    run(store.load())
    run(store.commit(0, [change(1, Write(None, GROUP))]))
    try:
        with pytest.raises(CannotServe, match="contradicts the state"):
            check_start(config, in_use(config))
    finally:
        run(store.close())


def test_only_what_the_server_does_not_use_already_must_be_free(make: Make, tmp_path: Path) -> None:
    """Addresses, the control socket and the state of others are refused."""
    config = make(CONFIG)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control,
    ):
        taken.bind(("127.0.0.1", 0))
        control.bind(str(tmp_path / "other.sock"))
        control.listen()
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        changed = make(CONFIG.replace("127.0.0.1:5301", where))
        with pytest.raises(CannotServe, match="another program listens there"):
            check_start(changed, in_use(config))
        assert check_start(changed, in_use(changed))
        assert check_start(changed, None)
        tls = f"tls: {{listen: ['{where}'], certificate: a, key: b}}\n"
        with pytest.raises(CannotServe, match="another program listens there"):
            check_start(make(CONFIG + tls), in_use(config))
        assert where in in_use(make(CONFIG + tls)).addresses
        http = f"http: {{listen: ['{where}']}}\n"
        with pytest.raises(CannotServe, match="another program listens there"):
            check_start(make(CONFIG + http), in_use(config))
        assert where in in_use(make(CONFIG + http)).addresses
        moved = make(CONFIG.replace("control.sock", "other.sock"))
        with pytest.raises(CannotServe, match="another failoverdns answers"):
            check_start(moved, in_use(config))
        path = tmp_path / "other.db"
        store = SQLiteStore(path, at_once, vault_beside(path))
        run(store.load())
        elsewhere = make(CONFIG.replace("state.db", "other.db"))
        with pytest.raises(CannotServe, match="another failoverdns is using this state"):
            check_start(elsewhere, in_use(config))
        run(store.close())
        assert check_start(elsewhere, in_use(config))


def test_what_is_in_use_is_passed_as_text(make: Make) -> None:
    used = in_use(make(CONFIG))
    assert read_in_use(write_in_use(used)) == used
    assert used.addresses == {"127.0.0.1:5301"}
