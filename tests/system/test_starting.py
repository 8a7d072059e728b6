"""Starting the server when the state, the sockets or the ports are not as expected."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from pathlib import Path

from ports import free_port
from system.server import CONFIG, DEADLINE, Server


def start_fails(server: Server) -> str:
    """Start a server that must not start; return its log."""
    begin = server.log.stat().st_size if server.log.exists() else 0
    assert server.launch().wait(DEADLINE) == 1
    text = server.log.read_text()[begin:]
    assert "Traceback" not in text
    assert "cannot start: " in text
    return text


def test_a_damaged_state_prevents_the_start(demo: Server) -> None:
    """The log says what is wrong and what to do; with the file restored the server starts."""
    demo.stop()
    state = demo.folder / "state.db"
    backup = demo.folder / "backup.db"
    shutil.copy(state, backup)
    os.truncate(state, 8192)
    text = start_fails(demo)
    assert f"{state}: is damaged" in text
    assert "put a backup in its place" in text
    shutil.copy(backup, state)
    demo.start()
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]


def test_an_empty_or_missing_state_file_prevents_the_start(demo: Server) -> None:
    """The server knows that there was a state, and does not start with an empty one."""
    demo.stop()
    state = demo.folder / "state.db"
    state.write_bytes(b"")
    assert f"{state}: is empty" in start_fails(demo)
    state.unlink()
    assert "is missing, but revision" in start_fails(demo)


def test_a_state_path_that_cannot_be_a_file_is_named(demo: Server) -> None:
    """The path is a directory, or its parent is a file."""
    demo.stop()
    (demo.folder / "state.db").unlink()
    (demo.folder / "state.db").mkdir()
    said = f"{demo.folder}/state.db: is not a regular file: choose another state.sqlite"
    assert said in start_fails(demo)
    demo.config.write_text(CONFIG.replace("state.db", "log/state.db"))
    assert f"state.sqlite: cannot make the directory {demo.folder}/log" in start_fails(demo)


def test_a_second_server_on_the_same_state_does_not_start(demo: Server, tmp_path: Path) -> None:
    """The first server is not disturbed."""
    folder = tmp_path / "second"
    folder.mkdir()
    second = Server(folder, CONFIG.replace("state.db", "../state.db"))
    assert "another failoverdns is using this state" in start_fails(second)
    demo.do(command="switch", groups=["shop"])


def test_a_control_socket_that_a_killed_server_left_is_replaced(demo: Server) -> None:
    """Any other file in its place prevents the start and is not touched."""
    demo.stop(signal.SIGKILL)
    assert demo.socket.exists()
    demo.start()
    assert demo.do(command="group list")
    demo.stop()
    demo.socket.write_text("precious")
    assert "exists and is not a socket" in start_fails(demo)
    assert demo.socket.read_text() == "precious"


def test_a_port_that_is_in_use_is_named(tmp_path: Path) -> None:
    """The log has the address and the reason, and no socket is left behind."""
    port = free_port()  # not used by connections of other tests
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        server = Server(tmp_path, CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        text = start_fails(server)
    assert f"UDP 127.0.0.1 port {port}: Address already in use" in text
    assert not server.socket.exists()
    server.start()
    server.stop()


def test_a_missing_zone_that_groups_are_in_is_named(demo: Server) -> None:
    """The configuration contradicts the state, and the server does not guess which is right."""
    demo.stop()
    demo.config.write_text(CONFIG.replace("failover.test", "other.test"))
    text = start_fails(demo)
    assert "zone failover.test is not configured, but 1 group(s) are in it" in text


def test_two_signals_stop_the_server_once(demo: Server) -> None:
    """This is an impatient Ctrl-C."""
    assert demo.process is not None
    demo.process.send_signal(signal.SIGINT)
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(DEADLINE) == 0
    assert "Traceback" not in demo.log.read_text()
