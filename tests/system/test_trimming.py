"""`history: {keep: ...}`: a real server trims its history at the start, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import at_once, run
from store.test_trimming import COUNT, filled
from system.server import CONFIG, Server, wait_for
from system.test_configuration import reload
from vaults import vault_beside

from failoverdns.store.sqlite import SQLiteStore


@pytest.fixture
def old(tmp_path: Path) -> Iterator[tuple[Server, list[str]]]:
    """Return a server, not started, with a history of 1970, and the hashes of its changes."""
    path = tmp_path / "state.db"
    store = SQLiteStore(path, at_once, vault_beside(path))
    filled(store)
    hashes = [link.hash for link in run(store.links(0, 1000))]
    run(store.close())
    server = Server(tmp_path, CONFIG + "history: {keep: 1d}\n")
    try:
        yield server, hashes
    finally:
        server.kill()


def test_a_server_trims_its_history_and_says_so(old: tuple[Server, list[str]]) -> None:
    """In `history`, its verification, its export and the log; a restart changes nothing."""
    server, hashes = old
    server.start()
    wait_for(lambda: "was trimmed" in server.log.read_text())
    printed = server.ctl("history").stdout.splitlines()
    assert printed[-1] == f"older changes, up to revision {COUNT}, were trimmed"
    assert " trim --revision " in "".join(printed)
    assert server.ctl("history", "--limit", "1").stdout.count("\n") == 1
    for hash_ in (hashes[0], hashes[30], hashes[-1]):
        verified = server.ctl("history", "--verify", "--expect", hash_).stdout
        assert f"changes up to revision {COUNT} were trimmed" in verified
    result = json.loads(server.ctl("--json", "history", "--verify").stdout)["result"]
    assert (result["first"], result["trimmed"]) == (COUNT + 1, COUNT)
    assert result["changes"] == result["last"] - COUNT
    exported = server.ctl("history", "--export")
    first = json.loads(exported.stdout.splitlines()[0])
    assert (first["revision"], first["previous"]) == (COUNT + 1, hashes[-1])
    assert exported.stderr == f"changes up to revision {COUNT} were trimmed\n"
    before = server.do(command="application list")
    assert server.stop() == 0
    server.start()
    assert server.do(command="application list") == before
    server.ctl("history", "--verify", "--expect", hashes[7])


def test_without_the_key_everything_is_kept(old: tuple[Server, list[str]]) -> None:
    """A reload is enough to begin."""
    server, hashes = old
    server.config.write_text(CONFIG)
    server.start()
    exported = server.ctl("history", "--export").stdout.splitlines()
    assert json.loads(exported[0])["hash"] == hashes[0]
    reload(server, CONFIG + "history: {keep: 24h}\n", "was trimmed")
    server.ctl("history", "--verify", "--expect", hashes[0])
