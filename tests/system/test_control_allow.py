"""`control.allow` with clients of several users: users who are not listed get `forbidden`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from system.server import CONFIG, DEADLINE, Server, tool

SOCKET_LINE = "  socket: control.sock\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """Start a server whose socket every user can open."""
    if os.getuid() != 0:
        pytest.skip("only root can connect as another user")
    lines = SOCKET_LINE + '  mode: "0660"\n  allow: ["12345", "@23456", "@23457"]\n'
    with TemporaryDirectory() as folder:
        running = Server(Path(folder), CONFIG.replace(SOCKET_LINE, lines))
        try:
            running.start()
            Path(folder).chmod(0o755)
            running.socket.chmod(0o666)
            yield running
        finally:
            running.kill()


CLIENTS = [
    (["--reuid=12345", "--regid=1", "--clear-groups"], True),
    (["--reuid=54321", "--regid=23456", "--clear-groups"], True),
    (["--reuid=54321", "--regid=1", "--groups=5,23457"], True),
    (["--reuid=54321", "--regid=1", "--groups=5,6"], False),
]


def test_only_allowed_users_can_send_commands(server: Server) -> None:
    """A user is allowed by name, group or further group; others get the reason."""
    for words, is_allowed in CLIENTS:
        asked = [tool("setpriv"), *words, tool("nc"), "-N", "-U", str(server.socket)]
        done = subprocess.run(
            asked,
            input="status\n",
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
            cwd="/",
        )
        reply = json.loads(done.stdout)
        assert reply["ok"] == is_allowed, words
        if not is_allowed:
            assert reply["error"]["code"] == "forbidden"
            assert "uid 54321 is not in control.allow" in reply["error"]["message"]
    assert server.ask(command="status")["ok"], "root is always allowed"
