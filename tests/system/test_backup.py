"""`failoverdns backup`: copies of a real server's state, from which another server can start."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

from system.server import DEADLINE, EXECUTABLE, Server


def start_from(copy: Path, key: Path, folder: Path) -> Server:
    """Start a server from a copy and the key file."""
    folder.mkdir()
    shutil.copy(copy, folder / "state.db")
    shutil.copy(key, folder / "state.db.key")
    server = Server(folder)
    return server.start()


def test_a_server_starts_from_a_copy(demo: Server, tmp_path: Path) -> None:
    """It answers as at the time of the copy, and has the history with the hash that was printed."""
    copy = tmp_path / "copy.db"
    demo.ctl("switch", "shop")
    done = json.loads(demo.ctl("--json", "backup", str(copy)).stdout)["result"]
    demo.ctl("switch", "shop")
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.stat().st_size == done["bytes"]
    restored = start_from(copy, demo.folder / "state.db.key", tmp_path / "restored")
    try:
        (group,) = restored.do(command="status", group="shop")["groups"]
        assert group["active"] == "backup"
        restored.ctl("history", "--verify", "--expect", done["hash"])
        kept = json.loads(restored.ctl("history", "--export").stdout.splitlines()[-1])
        assert kept["revision"] >= done["revision"]
    finally:
        restored.kill()


def test_copies_are_made_while_commands_are_carried_out(demo: Server, tmp_path: Path) -> None:
    """Each holds one revision, and no command waits for long."""
    ended, slowest = threading.Event(), 0.0

    def switch() -> None:
        nonlocal slowest
        with demo.connect() as client:
            while not ended.is_set():
                began = time.monotonic()
                client.send({"command": "switch", "groups": ["shop"]})
                assert client.receive()["ok"]
                slowest = max(slowest, time.monotonic() - began)

    thread = threading.Thread(target=switch)
    thread.start()
    try:
        copies = [tmp_path / f"copy-{number}.db" for number in range(8)]
        printed = [
            json.loads(demo.ctl("--json", "backup", str(copy)).stdout)["result"] for copy in copies
        ]
    finally:
        ended.set()
        thread.join(DEADLINE)
    assert len({done["revision"] for done in printed}) == len(printed)
    for copy, done in zip(copies, printed, strict=True):
        with closing(sqlite3.connect(copy)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            head = connection.execute("SELECT revision, hash FROM head").fetchone()
            last = connection.execute("SELECT max(revision) FROM history").fetchone()
        assert head == (done["revision"], done["hash"])
        assert last == (done["revision"],)
    assert slowest < 5
    demo.ctl("history", "--verify")


def test_a_file_that_exists_is_not_touched(demo: Server, tmp_path: Path) -> None:
    file = tmp_path / "there"
    file.write_text("mine")
    done = demo.ctl("backup", str(file), check=False)
    assert done.returncode == 1
    assert "exists already" in done.stderr
    assert file.read_text() == "mine"
    done = demo.ctl("backup", str(tmp_path / "no" / "such" / "folder"), check=False)
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr


def test_without_a_server_nothing_is_left(tmp_path: Path) -> None:
    command = [EXECUTABLE, "--socket", str(tmp_path / "none.sock"), "backup", str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 3
    assert not (tmp_path / "x").exists()


def test_a_full_disk_leaves_no_copy(demo: Server, tmp_path: Path) -> None:
    """A limit of the size of files stands for a full disk: the server gets an error either way."""
    pid = demo.process.pid if demo.process else 0
    demo.ctl("backup", str(tmp_path / "first.db"))  # it leaves nothing to fold into the state
    subprocess.run(["prlimit", f"--pid={pid}", "--fsize=8192:"], check=True)
    try:
        done = demo.ctl("backup", str(tmp_path / "copy.db"), check=False)
    finally:
        subprocess.run(["prlimit", f"--pid={pid}", "--fsize=unlimited:"], check=True)
    assert done.returncode == 1
    assert "unavailable: no copy was made: the file cannot be written: File too large" in (
        done.stderr
    )
    assert not (tmp_path / "copy.db").exists()
    demo.ctl("switch", "shop")
    demo.ctl("backup", str(tmp_path / "copy.db"))


def test_an_interrupted_command_leaves_no_copy(demo: Server, tmp_path: Path) -> None:
    """Or a complete one, if it was made already; the server goes on, and the next copy is made."""
    for number, name in enumerate((signal.SIGINT, signal.SIGTERM) * 4):
        copy = tmp_path / f"copy-{number}.db"
        command = [EXECUTABLE, "--socket", demo.socket, "backup", str(copy)]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until = time.monotonic() + DEADLINE
        while not copy.exists() and time.monotonic() < until and running.poll() is None:
            time.sleep(0.001)
        running.send_signal(name)
        running.communicate(timeout=DEADLINE)
        assert copy.exists() or running.returncode != 0
        if copy.exists():
            with closing(sqlite3.connect(copy)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert connection.execute("SELECT revision FROM head").fetchone()[0] > 0
    demo.ctl("backup", str(tmp_path / "last.db"))


def test_a_backup_without_a_file_is_refused_with_what_to_do(demo: Server) -> None:
    """On the socket: without a descriptor, with a name, and with a descriptor of another kind."""
    error = demo.ask(command="backup")["error"]
    assert error["code"] == "invalid"
    assert "use `failoverdns backup FILE`" in error["message"]
    error = demo.ask(command="backup", file="/etc/passwd")["error"]
    assert error["code"] == "invalid"
    assert "FILE is only for the command line" in error["message"]
    for path, flags in (("/dev/null", os.O_WRONLY), (__file__, os.O_RDONLY)):
        descriptor = os.open(path, flags)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(demo.socket))
            socket.send_fds(sock, [b'{"command": "backup"}\n'], [descriptor])
            reply = json.loads(sock.makefile().readline())
        os.close(descriptor)
        assert reply["error"]["code"] == "invalid"
        assert "not an empty regular file" in reply["error"]["message"]


def test_descriptors_that_nobody_asked_for_are_not_kept(demo: Server) -> None:
    pid = demo.process.pid if demo.process else 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(demo.socket))
        lines = sock.makefile()
        sock.sendall(b"querylog status\n")
        lines.readline()
        before = len(os.listdir(f"/proc/{pid}/fd"))
        for _ in range(20):
            socket.send_fds(sock, [b"querylog status\n"], [0] * 50)
            lines.readline()
        assert len(os.listdir(f"/proc/{pid}/fd")) == before
