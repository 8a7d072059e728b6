"""The history as evidence: a real server's history, exported and verified by the command line."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from zlib import crc32

from system.checkout import PROJECT
from system.server import DEADLINE, EXECUTABLE, Server

(CHECK,) = re.findall(
    r"^```python\n(.*?)^```$", (PROJECT / "docs" / "control.md").read_text(), re.M | re.S
)
"""The Python program in the documentation that checks an export."""


def check(export: str, *after: str) -> subprocess.CompletedProcess[str]:
    """Run the documented check on an export; `after` is the hash that it must continue from."""
    return subprocess.run(
        [EXECUTABLE.with_name("python"), "-c", CHECK, *after],
        input=export,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def tamper(path: Path, statement: str) -> None:
    """Change a state file, bypassing its triggers."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)


def test_the_documented_check_verifies_an_export_offline(demo: Server) -> None:
    """It agrees with `--verify`, rejects an edited export, and continues from an earlier one."""
    export = demo.ctl("history", "--export").stdout
    verified = demo.ctl("history", "--verify").stdout
    lines = export.splitlines()
    hashes = [json.loads(line)["hash"] for line in lines]
    assert verified == f"verified: {len(lines)} change(s), the last has hash {hashes[-1]}\n"
    assert check(export).stdout == f"{hashes[-1]}\n"
    document = json.loads(lines[2])["document"]
    forged = json.loads(lines[2]) | {"document": document.replace('"uid":', '"uid":1')}
    without = "\n".join(lines[:2] + lines[3:])
    for other, why in (
        (
            "\n".join([*lines[:2], json.dumps(forged), *lines[3:]]),
            "revision 3 does not match its hash",
        ),
        (without, "revision 4 does not match its hash"),
        (export.replace('"shop-us"', '"shop-eu"'), "differs from its document"),
    ):
        done = check(other)
        assert done.returncode == 1
        assert why in done.stderr
    demo.ctl("switch", "shop")
    rest = demo.ctl("history", "--export", "--since", str(len(lines))).stdout
    assert rest.count("\n") == 1
    assert check(rest, hashes[-1]).returncode == 0
    assert check(rest).returncode == 1
    assert demo.ctl("history", "--verify", "--expect", hashes[-1]).returncode == 0


def test_a_long_history_is_exported_completely(server: Server) -> None:
    """The command line fetches it in pieces; `--json` prints each reply."""
    with server.connect() as client:
        for first in range(0, 600, 100):  # a client that reads nothing is not read from, either
            for number in range(first, first + 100):
                client.send({"command": "application add", "name": f"app{number}"})
            assert all(client.receive()["ok"] for _ in range(100))
    lines = server.ctl("history", "--export").stdout.splitlines()
    revisions = [json.loads(line)["revision"] for line in lines]
    assert revisions == list(range(1, len(lines) + 1))
    assert len(lines) > 600
    assert check("\n".join(lines)).returncode == 0
    replies = server.ctl("--json", "history", "--export").stdout.splitlines()
    assert [json.loads(reply)["result"]["more"] for reply in replies] == [True, False]


def test_tampering_with_the_history_is_detected(demo: Server, tmp_path: Path) -> None:
    """`--verify` names a changed entry; a missing end prevents the next start."""
    demo.ctl("switch", "shop")
    assert demo.stop() == 0
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(demo.folder / "state.db", copy)
    shutil.copy(demo.folder / "state.db.key", copy)
    forged = "replace(document, '\"uid\":', '\"uid\":1')"
    tamper(copy / "state.db", f"UPDATE history SET document = {forged} WHERE revision = 4")
    tampered = Server(copy)
    try:
        tampered.start()
        done = tampered.ctl("history", "--verify", check=False)
        assert done.returncode == 1
        assert "corrupt: the history is not what was committed: revision 4 does not" in done.stderr
        (group,) = tampered.do(command="status", group="shop")["groups"]
        assert group["answers"] == ["198.51.100.20"], "the names are served nevertheless"
    finally:
        tampered.kill()
    tamper(copy / "state.db", "DELETE FROM history WHERE revision > 6")
    assert tampered.launch().wait(DEADLINE) == 1
    assert "its history ends with revision 6" in tampered.log.read_text()


def test_a_state_that_was_changed_in_the_file_is_not_served(demo: Server, tmp_path: Path) -> None:
    """An operator may accept it as it is; `--verify` names what was changed all the same."""
    assert demo.stop() == 0
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(demo.folder / "state.db", copy)
    shutil.copy(demo.folder / "state.db.key", copy)
    tamper(copy / "state.db", "UPDATE entities SET document = replace(document, 'us', 'xx')")
    with closing(sqlite3.connect(copy / "state.db", isolation_level=None)) as connection:
        connection.create_function("crc", 1, lambda text: crc32(text.encode()))
        connection.execute("UPDATE entities SET checksum = crc(document)")
    tampered = Server(copy)
    assert tampered.launch().wait(DEADLINE) == 1
    found = tampered.log.read_text()
    assert "was changed by something else than failoverdns" in found
    assert 'name is "shop-xx", and the history says "shop-us"' in found
    (remedy,) = re.findall(r"sed -i 2d \S+state\.db\.key", found)
    subprocess.run(remedy.split(), check=True)
    try:
        tampered.start()
        done = tampered.ctl("history", "--verify", check=False)
        assert done.returncode == 1
        assert "corrupt: the state is not what follows from the history" in done.stderr
        assert 'name is "shop-xx", and the history says "shop-us"' in done.stderr
    finally:
        tampered.kill()
