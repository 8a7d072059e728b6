"""Backups are restored as docs/operating.md says, and what it says about disks is true."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from disks import fill, make_read_only, mounted
from system.server import Server, tool
from system.transcripts import steps_of

PAGE = "docs/operating.md"
PATHS = (
    ("/var/lib/failoverdns/failoverdns.db", "FOLDER/state.db"),
    ("/var/lib/failoverdns", "FOLDER"),
    ("failoverdns.db", "state.db"),
    ("chown failoverdns:", "chown $(id -un):"),
)


def commands(folder: Path) -> list[str]:
    """Return the commands of the page, with the paths of a test."""
    tool("sqlite3")
    found = [step.command for step in steps_of(PAGE) if step.language == "console"]
    for old, new in PATHS:
        found = [command.replace(old, new).replace("FOLDER", str(folder)) for command in found]
    return [command.replace("/backup", f"{folder}/backup") for command in found]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_backup_is_restored_word_for_word(demo: Server, end: str) -> None:
    """Whether the server was stopped or killed, and its files were left or not."""
    folder = demo.folder
    backup = folder / "backup"
    backup.mkdir()
    words = ["sqlite3", folder / "state.db", f".backup {backup}/state.db"]
    subprocess.run(words, check=True, timeout=30)
    demo.do(command="switch", groups=["shop"])
    steps = commands(folder)
    assert steps[0] == "systemctl stop failoverdns"
    assert steps[-1] == "systemctl start failoverdns"
    demo.kill() if end == "kill" else demo.stop()
    script = "\n".join(["set -e", *steps[1:-1]])
    subprocess.run(["bash", "-c", script], check=True, timeout=30)
    demo.start()
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]
    demo.ctl("history", "--verify")
    demo.do(command="switch", groups=["shop"])
    demo.kill()
    demo.start()
    assert demo.short("414-262-781.failover.test") == ["198.51.100.20"]


def test_a_backup_beside_the_files_of_a_killed_server_is_refused(demo: Server) -> None:
    """The log names the files to delete; with them deleted the server starts."""
    backup = demo.folder / "backup.db"
    words = [tool("sqlite3"), demo.folder / "state.db", f".backup {backup}"]
    subprocess.run(words, check=True, timeout=30)
    demo.do(command="switch", groups=["shop"])
    demo.kill()
    state = demo.folder / "state.db"
    state.write_bytes(backup.read_bytes())
    demo.launch()
    assert demo.process is not None
    assert demo.process.wait(30) != 0
    text = demo.log.read_text()
    assert "Traceback" not in text
    assert f"delete {state}-wal and {state}-shm" in text
    for rest in ("-wal", "-shm", ".acknowledged"):
        state.with_name("state.db" + rest).unlink(missing_ok=True)
    demo.start()
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]


def with_state_on(disk: Path, folder: Path) -> Server:
    """Return a server whose state is on a disk of its own."""
    server = Server(folder)
    text = server.config.read_text()
    server.config.write_text(text.replace("sqlite: state.db", f"sqlite: {disk}/state.db"))
    return server


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_starts_on_a_full_disk(tmp_path: Path, end: str) -> None:
    """With the reserve it takes a switch; without it answers, until there is room."""
    with mounted(tmp_path, 48) as disk:
        server = with_state_on(disk, tmp_path)
        try:
            server.start().load_demo()
            server.kill() if end == "kill" else server.stop()
            filler = fill(disk)
            server.start()
            server.do(command="switch", groups=["shop"], to="backup")
            assert server.short("414-262-781.failover.test") == ["198.51.100.20"]
            server.kill() if end == "kill" else server.stop()
            again = fill(disk, "more")
            server.start()
            assert server.short("414-262-781.failover.test") == ["198.51.100.20"]
            reply = server.ask(command="switch", groups=["shop"], to="primary")
            assert reply["error"]["code"] == "unavailable", reply
            filler.unlink()
            again.unlink()
            server.do(command="switch", groups=["shop"], to="primary")
            assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
            server.ctl("history", "--verify")
        finally:
            server.kill()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_server_starts_on_a_read_only_disk(tmp_path: Path, end: str) -> None:
    """It answers with the last acknowledged change, and refuses commands until it can write."""
    with mounted(tmp_path, 48) as disk:
        server = with_state_on(disk, tmp_path)
        try:
            server.start().load_demo()
            server.do(command="switch", groups=["shop"])
            server.kill() if end == "kill" else server.stop()
            make_read_only(disk)
            server.start()
            assert server.short("414-262-781.failover.test") == ["198.51.100.20"]
            reply = server.ask(command="switch", groups=["shop"])
            assert reply["error"]["code"] == "unavailable", reply
            assert "Read-only file system" in reply["error"]["message"]
            make_read_only(disk, read_only=False)
            server.do(command="switch", groups=["shop"])
            assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
        finally:
            server.kill()
