"""`scripts/run`, as a new user types it; the virtual environment is there already."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from system.server import DEADLINE, EXECUTABLE, Client, tool, wait_for

PROJECT = Path(__file__).parents[2]


def checkout(folder: Path, port: int) -> Path:
    """Copy what `scripts/run` needs; answer on another port than a server that may be running."""
    for name in ("config", "failoverdns", "scripts"):
        shutil.copytree(PROJECT / name, folder / name)
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(PROJECT / name, folder / name)
    demo = folder / "config" / "demo.yaml"
    demo.write_text(demo.read_text().replace("5300", str(port)))
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("failoverdns", "pip"):
        programs.joinpath(name).symlink_to(EXECUTABLE.with_name(name))
    stamp = folder / ".venv" / ".installed"
    stamp.touch()
    os.utime(stamp, (2**31, 2**31))
    return folder


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start `scripts/run` and wait until it has told what to try."""
    out = folder / "out"
    with out.open("wb") as file:
        running = subprocess.Popen(
            ["scripts/run"], cwd=folder, stdout=file, stderr=file, start_new_session=True
        )
    wait_for(
        lambda: running.poll() is not None or "Ctrl-C stops" in out.read_text(),
        lambda: out.read_text(),
    )
    assert f"dig @127.0.0.1 -p {5300}" in out.read_text()
    return running


def interrupt(running: subprocess.Popen[bytes]) -> int:
    """Press Ctrl-C: the whole process group gets it."""
    os.killpg(running.pid, signal.SIGINT)
    return running.wait(DEADLINE)


def test_run_loads_the_demo_once_and_goes_on_from_its_state(tmp_path: Path) -> None:
    """dig, switch, Ctrl-C, again: the switch is there."""
    port = 15300 + os.getpid() % 10000
    folder = checkout(tmp_path, port)
    question = [tool("dig"), "@127.0.0.1", "-p", str(port), "+short", "414-262-781.failover.test"]
    running = start(folder, port)
    try:
        assert "loading the demo" in folder.joinpath("out").read_text()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"192.0.2.10\n"
        client = Client(folder / "run" / "control.sock")
        assert client.ask(b"switch shop\n")["ok"]
        client.close()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"198.51.100.20\n"
        assert interrupt(running) == 0
        running = start(folder, port)
        assert "loading the demo" not in folder.joinpath("out").read_text()
        assert subprocess.check_output(question, timeout=DEADLINE) == b"198.51.100.20\n"
    finally:
        interrupt(running)
    assert not folder.joinpath("run", "control.sock").exists()
