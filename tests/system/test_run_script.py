"""`scripts/run` as a new user runs it, in a copy that has the virtual environment already."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ports import free_port
from system.checkout import checkout, interrupt, start
from system.server import DEADLINE, Client, tool


def test_run_loads_the_demo_once_and_continues_from_its_state(tmp_path: Path) -> None:
    """A second start is refused meanwhile; after Ctrl-C and a start, the switch is in effect."""
    port = free_port()
    folder = checkout(tmp_path, {"5300": port})
    question = [tool("dig"), "@127.0.0.1", "-p", str(port), "+short", "414-262-781.failover.test"]
    running = start(folder, "scripts/run")
    try:
        assert "loading the demo" in folder.joinpath("out").read_text()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"192.0.2.10\n"
        client = Client(folder / "run" / "control.sock")
        assert client.ask(b"switch shop\n")["ok"]
        client.close()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"198.51.100.20\n"
        assert_a_second_start_is_refused(folder)
        assert interrupt(running) == 0
        running = start(folder, "scripts/run")
        assert "loading the demo" not in folder.joinpath("out").read_text()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"198.51.100.20\n"
    finally:
        interrupt(running)
    assert not folder.joinpath("run", "control.sock").exists()


def assert_a_second_start_is_refused(folder: Path) -> None:
    """Check that the script does not print instructions before it finds the port in use."""
    second = subprocess.run(
        ["scripts/run"], cwd=folder, capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert second.returncode == 1
    assert "a server is running in this folder already: stop it first" in second.stderr
    assert "another terminal" not in second.stdout
