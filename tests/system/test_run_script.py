"""`scripts/run` as a new user runs it, in a copy that has the virtual environment already."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

from ports import free_port
from system.checkout import checkout, interrupt, start
from system.server import DEADLINE, Client, tool


def test_run_loads_the_demo_once_and_continues_from_its_state(tmp_path: Path) -> None:
    """A second start is refused meanwhile; after Ctrl-C and a start, the switch is in effect."""
    port, web = free_port(), free_port()
    folder = checkout(tmp_path, {"5300": port, "8053": web})
    question = [tool("dig"), "@127.0.0.1", "-p", str(port), "+short", "414-262-781.failover.test"]
    running = start(folder, "scripts/run")
    try:
        assert "loading the demo" in folder.joinpath("out").read_text()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"192.0.2.10\n"
        page, token = dashboard(folder)
        assert page == f"http://127.0.0.1:{web}/"
        assert who(page, token)["result"]["role"] == "admin"
        client = Client(folder / "run" / "control.sock")
        assert client.ask(b"switch shop\n")["ok"]
        client.close()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"198.51.100.20\n"
        assert_a_second_start_is_refused(folder)
        assert interrupt(running) == 0
        running = start(folder, "scripts/run")
        assert "loading the demo" not in folder.joinpath("out").read_text()
        assert dashboard(folder) == (page, token)
        assert who(page, token)["ok"]
        assert subprocess.check_output(question, timeout=DEADLINE) == b"198.51.100.20\n"
    finally:
        interrupt(running)
    assert not folder.joinpath("run", "control.sock").exists()


def dashboard(folder: Path) -> tuple[str, str]:
    """Return the address of the dashboard and the token in it, as the script printed them."""
    found = re.search(r"^ +(http://\S+/)#token=(\S+)$", (folder / "out").read_text(), re.MULTILINE)
    assert found is not None
    assert stat.S_IMODE((folder / "run" / "dashboard.token").stat().st_mode) == 0o600
    return found[1], found[2]


def who(page: str, token: str) -> Any:
    """Return the reply to `whoami` over HTTP; the web process may start a moment after the rest."""
    retrying = ("--retry", "20", "--retry-delay", "1", "--retry-connrefused")
    fields = ("--header", f"Authorization: Bearer {token}")
    command = [tool("curl"), "--silent", *retrying, *fields, f"{page}api/v1/whoami"]
    return json.loads(subprocess.check_output(command, timeout=DEADLINE))


def assert_a_second_start_is_refused(folder: Path) -> None:
    """Check that the script does not print instructions before it finds the port in use."""
    second = subprocess.run(
        ["scripts/run"], cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert second.returncode == 1
    assert "a server is running in this folder already: stop it first" in second.stderr
    assert "another terminal" not in second.stdout
