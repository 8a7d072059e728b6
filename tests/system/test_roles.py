"""Roles on the control socket: processes of several users, through the real command line.

Each test runs as root, and gives its children another user and other groups.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from system.server import CONFIG, DEADLINE, Server, wait_for

SOCKET_LINE = "  socket: control.sock\n"

ALICE, BOB, MONITOR, NOBODY = 41001, 41002, 41003, 41009
OPERATORS, MONITORING, SHOPS = 42001, 42002, 42003

ROLES = f"""\
  group: {OPERATORS}
  roles:
    {ALICE}: admin
    "@{OPERATORS}": operator
    "@{MONITORING}": {{role: reporter, applications: ["shop-*"]}}
    "@{SHOPS}": {{role: operator, groups: ["shop*"]}}
    {BOB}: viewer
"""

MORE = """\
checks: {beat: {type: push, ttl: 3600}}
"""

AS_ANOTHER_USER = """\
import contextlib, io, os, sys
from failoverdns.cli import backing_up, client, main, rendering
from failoverdns.cli.rendering import tables
with contextlib.redirect_stdout(io.StringIO()):
    made = tables.table("head")
    made.add_row("row")
    tables.print_table(made, "")
uid, gids = int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(",")]
os.setgroups(gids[1:])
os.setresgid(gids[0], gids[0], gids[0])
os.setresuid(uid, uid, uid)
sys.argv[1:] = sys.argv[3:]
main.main()
"""
"""Becomes another user when everything is imported, so that the checkout may be in any folder."""


@dataclass(frozen=True)
class User:
    """A user with a primary group and others."""

    uid: int
    gids: tuple[int, ...]

    def start(self, server: Server, *words: str) -> subprocess.Popen[str]:
        """Start a command of the command line as this user."""
        program = [sys.executable, "-c", AS_ANOTHER_USER, str(self.uid)]
        return subprocess.Popen(
            [*program, ",".join(map(str, self.gids)), "--socket", str(server.socket), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def run(self, server: Server, *words: str) -> tuple[int, str]:
        """Run a command of the command line as this user; return its exit status and output."""
        with self.start(server, *words) as process:
            out, err = process.communicate(timeout=DEADLINE)
        return process.returncode, out + err

    def do(self, server: Server, *words: str) -> str:
        """Run a command, which must succeed, and return its output."""
        status, text = self.run(server, *words)
        assert status == 0, text
        return text

    def refused(self, server: Server, *words: str) -> str:
        """Run a command, which must be forbidden, and return the reason."""
        status, text = self.run(server, *words)
        assert status == 1, text
        assert text.startswith("forbidden: "), text
        return text.removeprefix("forbidden: ").strip()


alice = User(ALICE, (OPERATORS,))
"""An admin by name; the group would make her an operator only."""
operator = User(MONITOR + 1, (1, OPERATORS))
monitor = User(MONITOR, (OPERATORS + 50, MONITORING))
shop_team = User(MONITOR + 2, (SHOPS,))
bob = User(BOB, (1,))
both = User(BOB, (1, MONITORING))
nobody = User(NOBODY, (1, 5))


@contextmanager
def serving(control: str, folder: str, *, reachable: bool = True) -> Iterator[Server]:
    """Start a server with these lines in `control`; every user can open the socket."""
    config = CONFIG.replace(SOCKET_LINE, SOCKET_LINE + control) + MORE
    running = Server(Path(folder), config)
    try:
        Path(folder).chmod(0o755)
        running.start()
        if reachable:
            running.socket.chmod(0o666)
        running.load_demo()
        running.do(command="application add", name="blog")
        running.do(command="application set", name="shop-eu", check=["beat"])
        running.do(command="application set", name="blog", check=["beat"])
        yield running
    finally:
        running.kill()


@pytest.fixture
def server() -> Iterator[Server]:
    """Start a server with roles for several users and groups."""
    if os.getuid() != 0:
        pytest.skip("only root can connect as another user")
    with TemporaryDirectory() as folder, serving(ROLES, folder) as running:
        yield running


def reload(server: Server, old: str, new: str) -> None:
    """Change the configuration, and have it read again."""
    text = server.config.read_text()
    assert old in text
    server.config.write_text(text.replace(old, new))
    before = server.log.stat().st_size
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reloaded " in server.log.read_text()[before:], server.log.read_text)


def test_a_monitor_reports_health_and_cannot_switch(server: Server) -> None:
    """This is what roles are for."""
    assert "shop" in monitor.do(server, "status")
    monitor.do(server, "health", "report", "shop-eu/lb1", "up")
    text = "needs the role operator, and you have the role reporter (see `failoverdns whoami`)"
    assert monitor.refused(server, "switch", "shop") == f"`switch` {text}"
    assert monitor.refused(server, "switch", "shop", "--dry-run") == f"`switch` {text}"
    for words in (
        ("group", "remove", "shop"),
        ("head", "set", "shop-eu", "lb1", "--address", "192.0.2.66"),
        ("certificate", "request", "shop-eu"),
        ("certificate", "rotate-key"),
        ("querylog", "on"),
        ("restart",),
    ):
        assert "needs the role admin" in monitor.refused(server, *words), words
    assert server.short("414-262-781.failover.test") == ["192.0.2.10"]


def test_a_limited_reporter_reports_only_its_applications(server: Server) -> None:
    text = "`health report`: your role reporter (applications shop-*) does not cover"
    reason = monitor.refused(server, "health", "report", "blog", "up")
    assert reason == f"{text} application blog; nothing was changed"


def test_each_user_has_the_role_of_the_configuration(server: Server) -> None:
    """By user, by group, by both the highest; root always; and who has none gets the reason."""
    assert operator.do(server, "switch", "shop", "--to", "backup")
    assert "needs the role admin" in operator.refused(server, "group", "add", "x")
    assert alice.do(server, "group", "add", "x")
    assert "needs the role operator" in bob.refused(server, "switch", "shop")
    assert "needs the role reporter" in bob.refused(server, "health", "report", "shop-eu", "up")
    assert both.do(server, "health", "report", "shop-eu", "up")
    reason = nobody.refused(server, "status")
    assert reason == (f"uid {NOBODY} is not in control.allow or control.roles of the configuration")
    assert server.ctl("whoami").stdout == "unix:root(0): admin\n"
    assert alice.do(server, "whoami") == f"unix:{ALICE}: admin\n"
    assert shop_team.do(server, "whoami") == (
        f"unix:{shop_team.uid}: operator\n  operator for groups shop*\n"
    )
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        reason = operator.refused(server, "backup", f"{folder}/copy.db")
        assert "needs the role admin" in reason
        assert os.listdir(folder) == []


def test_a_limited_operator_switches_only_its_groups(server: Server) -> None:
    """A command that touches another group is forbidden as a whole."""
    alice.do(server, "group", "add", "blog", "--label", "blog", "--primary", "blog")
    shop_team.do(server, "switch", "shop", "--to", "backup")
    reason = shop_team.refused(server, "switch", "shop", "blog")
    assert "does not cover group blog; nothing was changed" in reason
    assert server.short("414-262-781.failover.test") == ["198.51.100.20"]
    assert "is not limited to some groups" in shop_team.refused(server, "automation", "freeze")
    assert "does not cover application *" in shop_team.refused(
        server, "health", "force", "*", "down"
    )


def test_refusals_are_counted_and_logged_without_flooding(server: Server) -> None:
    before = server.do(command="status")["server"]["control"]["forbidden"]
    for _ in range(3):
        bob.refused(server, "switch", "shop")
    assert server.do(command="status")["server"]["control"]["forbidden"] == before + 3
    assert server.log.read_text().count(f"forbidden to unix:{BOB}: ") == 1


def test_a_role_that_is_taken_away_counts_at_once(server: Server) -> None:
    """After a reload, on connections that are open too; one that only watches is let go."""
    with bob.start(server, "watch", "--json") as watching:
        assert watching.stdout is not None
        assert json.loads(watching.stdout.readline())["ok"]
        with as_user(operator, server) as asking:
            assert asking("status")["ok"]
            reload(server, f'"@{OPERATORS}": operator', f'"@{OPERATORS}": viewer')
            assert asking("switch shop")["error"]["code"] == "forbidden"
            assert asking("status")["ok"]
            reload(server, f"    {BOB}: viewer\n", "")
            last = json.loads(watching.stdout.readline())
            assert last["error"]["code"] == "forbidden"
            assert watching.wait(DEADLINE) is not None
            assert asking("status")["ok"], "another user stays connected"
    assert "is not in control" in bob.refused(server, "watch")
    reload(server, f'"@{OPERATORS}": viewer', f'"@{OPERATORS}": operator')
    operator.do(server, "switch", "shop")


def test_a_reload_with_a_user_that_does_not_exist_changes_nothing(server: Server) -> None:
    text = server.config.read_text()
    server.config.write_text(text.replace(f"    {BOB}: viewer\n", "    no-such-user: admin\n"))
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    expected = "there is no user 'no-such-user' here"
    wait_for(lambda: expected in server.log.read_text(), server.log.read_text)
    assert bob.do(server, "status")


def test_roles_and_open_connections_outlive_a_restart(server: Server) -> None:
    """The next program asks the kernel again who is at the other end."""
    with as_user(operator, server) as asking:
        assert asking("whoami")["result"]["role"] == "operator"
        assert server.ctl("restart").returncode == 0
        assert asking("whoami")["result"]["role"] == "operator"
        assert asking("switch shop")["ok"]
        assert asking("group add y")["error"]["code"] == "forbidden"
    server.socket.chmod(0o666)
    assert "needs the role operator" in bob.refused(server, "switch", "shop")


def test_an_op_id_belongs_to_its_user(server: Server) -> None:
    """Another user's retry is another command; the same user's is not, whichever process sends."""
    line = json.dumps({"command": "switch", "groups": ["shop"], "op_id": "deploy-1"})
    with as_user(operator, server) as asking:
        first = asking(line)
    with as_user(operator, server) as asking:
        assert asking(line) == first
    with as_user(alice, server) as asking:
        second = asking(line)
    assert second["revision"] == first["revision"] + 1
    assert second["result"]["groups"][0]["to"] != first["result"]["groups"][0]["to"]


def test_the_history_names_the_principal(server: Server) -> None:
    operator.do(server, "switch", "shop")
    (change,) = server.do(command="history", limit=1)["history"]
    assert change["who"]["principal"] == f"unix:{operator.uid}", "this uid has no name"
    server.ctl("switch", "shop")
    assert "[unix:root(0) failoverdns pid " in server.ctl("history", "--limit", "1").stdout
    assert server.ctl("history", "--verify").stdout.startswith("verified: ")


def test_the_socket_has_the_group_of_the_configuration(server: Server) -> None:
    """Operators need not be in the group of the server, which can read its configuration."""
    found = server.socket.stat()
    assert found.st_gid == OPERATORS
    server.socket.chmod(0o660)
    assert operator.do(server, "status")
    status, text = bob.run(server, "status")
    assert (status, "permission denied" in text) == (3, True), text
    server.socket.unlink()
    wait_for(server.socket.exists, lambda: "the socket is not made again")
    found = server.socket.stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (OPERATORS, 0o660)
    assert server.ctl("restart").returncode == 0
    assert server.socket.stat().st_gid == OPERATORS


def test_a_folder_that_the_group_cannot_enter_is_warned_of() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a file to any group")
    with TemporaryDirectory() as folder:
        inner = Path(folder) / "inner"
        inner.mkdir(mode=0o700)
        Path(folder).chmod(0o755)
        running = Server(inner, CONFIG.replace(SOCKET_LINE, SOCKET_LINE + "  group: 42001\n"))
        try:
            running.start()
            assert f"members of 42001 cannot enter {inner}" in running.log.read_text()
        finally:
            running.kill()


@contextmanager
def as_user(user: User, server: Server) -> Iterator[Any]:
    """Connect as another user; give a function that sends a line and returns the reply."""
    program = (
        "import os, socket, sys\n"
        "uid, gids = int(sys.argv[1]), [int(gid) for gid in sys.argv[2].split(',')]\n"
        "os.setgroups(gids[1:])\n"
        "os.setresgid(gids[0], gids[0], gids[0])\n"
        "os.setresuid(uid, uid, uid)\n"
        "sock = socket.socket(socket.AF_UNIX)\n"
        "sock.connect(sys.argv[3])\n"
        "replies = sock.makefile('r')\n"
        "for line in sys.stdin:\n"
        "    sock.sendall(line.encode())\n"
        "    print(replies.readline(), end='', flush=True)\n"
    )
    gids = ",".join(map(str, user.gids))
    with subprocess.Popen(
        [sys.executable, "-c", program, str(user.uid), gids, str(server.socket)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def ask(line: str) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()
        process.wait(DEADLINE)
