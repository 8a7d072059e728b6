"""The `failoverdns` command: exit statuses, help, and output for people and for programs."""

from __future__ import annotations

import json
import os
import pwd
import shlex
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from authority import make_authority
from click.testing import CliRunner
from directories import LocalDirectory
from replies import check_event, check_reply
from system import every_command
from system.every_command import SESSION, WATCHED, filled, holds, row_of
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, wait_for

from failoverdns.cli.main import cli
from failoverdns.control.language.commands import ROWS


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command without a server."""
    return subprocess.run(
        [EXECUTABLE, *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env={**os.environ, **environment},
    )


def test_success_is_status_0_and_a_refusal_is_status_1(demo: Server) -> None:
    """The reason goes to standard error, with one line for each rule."""
    assert demo.ctl("switch", "shop").returncode == 0
    demo.ctl("group", "add", "empty", "--primary", "shop-eu")
    done = demo.ctl("switch", "empty", check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("refused: nothing was switched: no-application (empty)\n")
    assert "attach one with `group set empty --backup APPLICATION`" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["switch"],
        ["switch", "shop", "--to", "left"],
        ["no-such-command"],
        ["head", "add", "shop", "lb"],
        ["group", "add", "x", "--ttl", "soon"],
        ["--no-such-option", "status"],
        ["serve"],
    ],
)
def test_wrong_usage_is_status_2(words: list[str]) -> None:
    """The client reports it without connecting to a server."""
    done = run("--socket", "/nonexistent", *words)
    assert done.returncode == 2
    assert "Usage: failoverdns" in done.stderr


def test_no_server_is_status_3(tmp_path: Path) -> None:
    """The error names the socket, and how to choose another one."""
    done = run("--socket", str(tmp_path / "nothing"), "status")
    assert done.returncode == 3
    assert f"no server at {tmp_path}/nothing: there is no such socket" in done.stderr
    assert "--socket PATH or FAILOVERDNS_SOCKET" in done.stderr
    stale = tmp_path / "stale"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(stale))
    assert run("status", FAILOVERDNS_SOCKET=str(stale)).returncode == 3


def test_no_reply_in_time_is_status_4(tmp_path: Path) -> None:
    """The request was sent, and the client cannot know whether it was carried out."""
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(tmp_path / "deaf"))
        deaf.listen()
        done = run("--socket", str(tmp_path / "deaf"), "--timeout", "0.2", "switch", "shop")
    assert done.returncode == 4
    assert "outcome unknown: no reply within 0.2 s" in done.stderr


def test_a_connection_that_ends_before_the_reply_is_status_4(tmp_path: Path) -> None:
    """An incomplete or invalid reply has the same status."""
    for reply in (b"", b"half a li", b"HTTP/1.1 400 Bad Request\r\n"):
        with socket.socket(socket.AF_UNIX) as listener:
            path = tmp_path / f"dying{len(reply)}"
            listener.bind(str(path))
            listener.listen()

            def serve(listener: socket.socket = listener, reply: bytes = reply) -> None:
                with listener.accept()[0] as client:
                    client.recv(1000)
                    client.sendall(reply)

            thread = threading.Thread(target=serve)
            thread.start()
            done = run("--socket", str(path), "switch", "shop")
            thread.join(DEADLINE)
        assert done.returncode == 4, done
        assert "outcome unknown" in done.stderr


def test_json_prints_the_reply_of_the_server_unchanged(demo: Server) -> None:
    """It is one line, also for a refusal, whose exit status is 1."""
    done = demo.ctl("--json", "switch", "shop", "--dry-run")
    assert done.stdout.count("\n") == 1
    reply = json.loads(done.stdout)
    assert reply["ok"]
    assert reply["result"]["dry_run"]
    assert reply["result"]["groups"][0]["to"] == "backup"
    assert json.loads(demo.ctl("status", "shop", "--json").stdout)["ok"], "--json may come last"
    done = demo.ctl("--json", "switch", "shp", check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "not-found"


def test_a_dry_run_prints_what_would_happen_and_changes_nothing(demo: Server) -> None:
    """The output is for people."""
    done = demo.ctl("switch", "shop", "--dry-run")
    assert "shop: would switch from primary to backup" in done.stdout
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]


def test_status_shows_groups_and_marks_the_active_application(demo: Server) -> None:
    """There is a table of groups and one of applications."""
    demo.ctl("switch", "shop")
    text = demo.ctl("status").stdout
    assert "414-262-781.failover.test" in text
    assert "* shop-us" in text
    assert "* shop-eu" not in text
    assert "zone failover.test: serial " in text
    assert "docs" not in demo.ctl("status", "shop").stdout


def test_history_shows_who_ran_which_command(demo: Server) -> None:
    """The newest change is first; commands are printed as a user would type them."""
    demo.ctl("switch", "shop", "--reason", "db maintenance")
    first = demo.ctl("history", "shop").stdout.splitlines()[0]
    assert "switch shop --reason 'db maintenance'" in first
    name = pwd.getpwuid(os.getuid()).pw_name
    assert f"[unix:{name}({os.getuid()}) failoverdns pid " in first
    assert first.endswith("; shop-us offline -> online")


def test_watch_prints_events_until_interrupted(demo: Server) -> None:
    """Each event is one line."""
    out = demo.folder / "events"
    with out.open("w") as file:
        command = [EXECUTABLE, "--socket", demo.socket, "watch"]
        watching = subprocess.Popen(command, stdout=file)
    try:
        demo.ctl("switch", "shop")

        def switched() -> bool:
            demo.ctl("switch", "shop")
            return out.read_text().count("\n") >= 2

        wait_for(switched)
        watching.send_signal(signal.SIGINT)
        assert watching.wait(DEADLINE) == 130
    finally:
        watching.kill()
        watching.wait(DEADLINE)
    assert "group shop: active " in out.read_text()


def test_help_lists_commands_explains_options_and_has_examples(demo: Server) -> None:
    """The list has a line for every command."""
    text = run("--help").stdout
    for word in ("serve", "check-config", "switch", "status", "history", "watch", "records"):
        assert f"  {word} " in text
    assert "3 no server to talk to" in text.replace("\n", " ")
    text = run("switch", "--help").stdout
    assert "--override RULE" in text
    assert "Example: failoverdns switch shop --to backup" in text.replace("\n", " ")


def test_version_names_the_versions_and_the_fast_path() -> None:
    """The versions are those of failoverdns and Python."""
    assert run("version").stdout.startswith("failoverdns 0.1.0, Python 3.")
    assert "fast path: compiled" in run("version").stdout
    python = run("version", FAILOVERDNS_FAST_PATH="python")
    assert "fast path: pure Python" in python.stdout


@pytest.fixture
def with_ca(tmp_path: Path) -> Iterator[Server]:
    """Start a server with an empty state and the configuration that the session needs."""
    with LocalDirectory(tmp_path) as ca:
        acme = {"directory": ca.url, "accept_terms": True, "ca_file": str(ca.ca_file)}
        running = Server(tmp_path, f"{CONFIG}{every_command.CONFIG}acme: {json.dumps(acme)}\n")
        try:
            yield running.start()
        finally:
            running.kill()


def type_all(server: Server, label: str, *, in_json: bool = False) -> None:
    """Type the whole session, and check the output of each line.

    With `--json` the lines are run in this process, which takes a tenth of the time of one each.
    """
    chain, key = make_authority().issue("www.shop.example").save(server.folder, "shop")
    later = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT00:00:00.000Z")
    for typed in SESSION:
        line, text, found = (
            filled(part, label=label, chain=str(chain), key=str(key), later=later)
            for part in (typed.line, typed.text, typed.found)
        )
        if in_json:
            words = ["--socket", str(server.socket), *shlex.split(line), "--json"]
            printed = CliRunner().invoke(cli, words, prog_name="failoverdns")
            assert printed.exit_code == typed.status, f"{line}: {printed.output}"
            check_json(line, printed.stdout, found)
        else:
            done = server.ctl(*shlex.split(line), check=False)
            assert done.returncode == typed.status, f"{line}: {done.stdout}{done.stderr}"
            assert text in done.stdout + done.stderr, f"{line}: {done.stdout}{done.stderr}"


def check_json(line: str, printed: str, found: dict[str, object]) -> None:
    """Check the output of a command with `--json`, which is the reply on one line."""
    reply = json.loads(printed)
    assert printed.count("\n") == 1, line
    # with --wait the command line shows the certificate when it is issued
    check_reply("certificate show" if "--wait" in line else row_of(line, set(ROWS)), reply)
    shown = reply["result"] if reply["ok"] else reply["error"]
    assert holds(shown, found), f"{line}: {printed}"


@contextmanager
def watching(server: Server, shown: str, *options: str) -> Iterator[None]:
    """Run `watch`; check that it prints `shown` and ends with an interrupt."""
    out = server.folder / f"watched{''.join(options)}"
    with out.open("w") as file:
        command = [EXECUTABLE, "--socket", server.socket, WATCHED.line, *options]
        process = subprocess.Popen(command, stdout=file)
    try:
        yield
        wait_for(lambda: shown in out.read_text(), out.read_text)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
        for line in out.read_text().splitlines()[1:] if options else ():
            check_event(json.loads(line))
    finally:
        process.kill()
        process.wait(DEADLINE)


def test_every_command_of_the_command_table_works_from_the_shell(with_ca: Server) -> None:
    """The session starts and ends with an empty server, once for text and once with `--json`."""
    typed = {row_of(each.line, set(ROWS)) for each in (*SESSION, WATCHED)}
    assert typed == set(ROWS)
    with watching(with_ca, WATCHED.text):
        type_all(with_ca, "one")
    assert with_ca.short("one.failover.test") == []
    with watching(with_ca, json.dumps(WATCHED.found)[1:-1], "--json"):
        type_all(with_ca, "two", in_json=True)
    retired = with_ca.ctl("group", "add", "again", "--label", "two", check=False)
    assert "label 'two' is retired" in retired.stderr
