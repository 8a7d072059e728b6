"""Failover goes on while the disk with the state is full or read-only, and is recorded later."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from faults import Faults
from heads import OK, answering
from system.server import CONFIG, DEADLINE, Client, Server, tool, wait_for
from system.test_automation import AUTO, Heads, answers, check, is_up, shop

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 and os.environ.get("CI") != "true", reason="only root can mount"
)

HOSTNAME = "shop.failover.test"
LIMIT = 8.0
"""Seconds in which a failed primary is left: two probes and a grace of half a second, on a busy
machine."""

_numbers = count()


class SmallDisk:
    """A small file system in a folder, which can be filled up."""

    def __init__(self, folder: Path, kind: str) -> None:
        """Mount a `tmpfs`, or an `ext4` in a file beside the folder."""
        self.folder = folder
        self.filling = folder / "filling"
        folder.mkdir()
        if kind == "tmpfs":
            _run("mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", folder)
        else:
            image = folder.with_suffix(".img")
            with image.open("wb") as file:
                file.truncate(8 << 20)
            _run("mkfs.ext4", "-q", "-m", "0", image)
            _run("mount", "-o", "loop", image, folder)

    def fill(self) -> None:
        """Leave no byte free."""
        block = 65536
        with self.filling.open("ab", buffering=0) as file:
            while block:
                try:
                    file.write(b"x" * block)
                    os.fsync(file.fileno())
                except OSError:
                    block //= 2

    def clear(self) -> None:
        """Make room."""
        self.filling.unlink()

    def remount(self, how: str) -> None:
        """Mount it again, `ro` or `rw`."""
        _run("mount", "-o", f"remount,{how}", self.folder)

    def close(self) -> None:
        """Unmount it, although files in it may be open."""
        _run("umount", "-l", self.folder)


@pytest.fixture
def heads() -> Iterator[Heads]:
    """Return heads that are stopped when the test ends."""
    made = Heads()
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Callable[..., tuple[Server, SmallDisk]]]:
    """Return a function that starts a server whose state is on a small disk."""
    with ExitStack() as stack:

        def start(more: str, kind: str = "tmpfs", workers: int = 0) -> tuple[Server, SmallDisk]:
            disk = SmallDisk(tmp_path / "small", kind)
            stack.callback(disk.close)
            config = CONFIG.replace("state.db", "small/state.db")
            config = config.replace("workers: 0", f"workers: {workers}")
            running = Server(tmp_path, config + more)
            stack.callback(running.kill)
            return running.start(), disk

        yield start


def _run(*words: str | Path) -> None:
    command = [tool(str(words[0])), *map(str, words[1:])]
    subprocess.run(command, check=True, timeout=DEADLINE, capture_output=True)


def fill_up(server: Server, disk: SmallDisk) -> dict[str, Any]:
    """Fill the disk until commands are refused, whatever reserve there is; return the refusal."""
    until = time.monotonic() + DEADLINE
    while True:
        disk.fill()
        reply = server.ask(command="application add", name=f"b{next(_numbers)}")
        if not reply["ok"]:
            error: dict[str, Any] = reply["error"]
            return error
        assert time.monotonic() < until, "the disk is never full"


def two_sides(server: Server, heads: Heads) -> tuple[str, str]:
    """Make the group `shop` with a head on each side, both up; return their addresses."""
    primary, backup = heads.start(answering(OK)), heads.start(answering(OK))
    shop(server, [primary], [backup])
    wait_for(lambda: is_up(server, "eu", "us"), lambda: server.log.read_text())
    assert answers(server, [primary])()
    return primary, backup


def history_since(server: Server, revision: int) -> list[dict[str, Any]]:
    """Return the changes after a revision, oldest first."""
    found = server.do(command="history", limit=1000)["history"]
    return [change for change in reversed(found) if change["revision"] > revision]


@pytest.fixture
def config(heads: Heads) -> str:
    """Return the configuration of a fast check and policy; the port of the heads is known then."""
    heads.stop(heads.start(answering(OK)))
    return check(heads) + AUTO


@pytest.mark.parametrize(("kind", "workers"), [("tmpfs", 0), ("tmpfs", 2), ("ext4", 0)])
def test_a_primary_that_dies_while_the_disk_is_full_is_left(
    small: Callable[..., tuple[Server, SmallDisk]],
    heads: Heads,
    config: str,
    kind: str,
    workers: int,
) -> None:
    """Clients get the backup in time; the server says what is not recorded, and records it."""
    server, disk = small(config, kind, workers)
    primary, backup = two_sides(server, heads)
    with server.connect() as watcher:
        watcher.ask({"command": "watch"})
        refusal = fill_up(server, disk)
        assert refusal["code"] == "unavailable"
        assert "full" in refusal["message"]
        revision = server.do(command="status")["revision"]
        began = time.monotonic()
        heads.stop(primary)
        wait_for(answers(server, [backup]), lambda: server.log.read_text())
        assert time.monotonic() - began < LIMIT
        says_what_is_unrecorded(server, revision)
        switch = {"command": "switch", "groups": ["shop"], "override": ["target-down"]}
        assert server.ask(**switch)["error"]["code"] == "unavailable"
        time.sleep(2.0)  # a bad probe every 0.25 s, and an attempt to store every second
        log = server.log.read_text()
        assert log.count("the state cannot be written") == 1, log
        assert log.count("is not updated") == 0, log
        disk.clear()
        wait_for(lambda: "can be written again" in server.log.read_text())
        server.do(command="application add", name="later")
        changes = history_since(server, revision)
        assert [c["command"]["command"] for c in changes] == [
            "health",
            "automatic",
            "application add",
        ]
        for change in changes[:2]:
            assert change["command"]["happened"] < change["time"]
        assert "(happened " in server.ctl("history").stdout
        assert server.do(command="status")["store"]["unrecorded"] == 0
        assert server.log.read_text().count("can be written again") == 1
        told = events(watcher, "application add", "later")
    assert [event["event"] for event in told if event.get("unrecorded")] == ["health", "automatic"]
    assert [e["writable"] for e in told if e["event"] == "store"] == [False, True]
    server.do(command="history", verify=True)
    server.stop()
    server.start()
    assert answers(server, [backup])()


def says_what_is_unrecorded(server: Server, revision: int) -> None:
    """Assert that `status`, `explain` and `health show` say what happened and is not recorded."""
    status = server.do(command="status")
    assert status["revision"] == revision
    assert status["store"]["writable"] is False
    assert "full" in status["store"]["fault"]
    assert status["store"]["unrecorded"] >= 2
    (group,) = status["groups"]
    assert group["active"] == "backup"
    assert group["unrecorded"]["since"]
    assert "full" in group["unrecorded"]["why"]
    applications = {each["name"]: each for each in status["applications"]}
    assert applications["eu"]["health"]["health"] == "down"
    assert applications["eu"]["unrecorded"]
    assert applications["us"]["unrecorded"] is None
    text = server.ctl("status").stdout
    assert "store: the state cannot be written since" in text
    assert "group shop: unrecorded since" in text
    sentences = server.ctl("explain", "shop").stdout
    assert "The primary, eu, has been down" in sentences
    assert "is not recorded yet" in sentences
    assert "A switch by hand is refused" in sentences
    assert "No rule prevents" not in sentences
    assert "cannot be written" in server.ctl("health", "show", "eu").stdout


def events(watcher: Client, command: str, name: str) -> list[dict[str, Any]]:
    """Return the events up to the one of a command."""
    found = []
    for event in watcher.lines():
        found.append(event)
        words = event.get("command", {})
        if words.get("command") == command and words.get("name") == name:
            return found
    raise AssertionError(found)


def test_steps_are_recorded_once_although_syncs_fail(
    tmp_path: Path, heads: Heads, config: str
) -> None:
    """A failed sync leaves it open whether a step was stored; it is asked before the next try."""
    faults = Faults(tmp_path / "faults")
    server = Server(tmp_path, CONFIG + config)
    server.environment = faults.environment
    try:
        primary, backup = two_sides(server.start(), heads)
        revision = server.do(command="status")["revision"]
        faults.set("fsync", "-wal")
        heads.stop(primary)
        wait_for(answers(server, [backup]), lambda: server.log.read_text())
        assert server.do(command="status")["store"]["unrecorded"] >= 1
        time.sleep(1.5)
        faults.clear()
        wait_for(lambda: "can be written again" in server.log.read_text())
        words = [change["command"]["command"] for change in history_since(server, revision)]
        assert words == ["health", "automatic"]
        server.do(command="history", verify=True)
        server.kill()
        server.start()
        assert answers(server, [backup])()
    finally:
        server.kill()


def test_a_report_of_health_counts_while_the_disk_is_full(
    small: Callable[..., tuple[Server, SmallDisk]],
) -> None:
    """What a head reports is observed health, as what a probe finds."""
    server, disk = small(
        "checks: {pushed: {type: push, ttl: 60}}\n" + AUTO,
    )
    for name, address in (("eu", "192.0.2.1"), ("us", "192.0.2.2")):
        server.do(command="application add", name=name)
        head = {"name": "lb", "role": "load-balancer", "address": [address]}
        server.do(command="head add", application=name, **head)
        server.do(command="application set", name=name, check=["pushed"])
        server.do(command="health report", target=name, state="up")
    server.do(
        command="group add", name="shop", label="shop", primary="eu", backup="us", policy="auto"
    )
    fill_up(server, disk)
    server.do(command="health report", target="eu", state="down")
    wait_for(answers(server, ["192.0.2.2"]), lambda: server.log.read_text())
    disk.clear()
    wait_for(lambda: server.do(command="status")["store"]["unrecorded"] == 0)


def test_an_idempotent_switch_and_a_rehearsal_need_no_room(
    small: Callable[..., tuple[Server, SmallDisk]],
) -> None:
    """A retry of a switch that was made is acknowledged; one that changes something is refused."""
    server, disk = small("")
    server.load_demo()
    fill_up(server, disk)
    server.do(command="switch", groups=["shop"], to="primary")
    server.do(command="switch", groups=["shop"], dry_run=True)
    refusal = server.ask(command="switch", groups=["shop"])
    assert refusal["error"]["code"] == "unavailable"


def test_a_full_disk_at_the_start_does_not_disarm_failover(
    small: Callable[..., tuple[Server, SmallDisk]], heads: Heads, config: str
) -> None:
    """A restart finds no room, answers, and automatic failover works."""
    server, disk = small(config)
    primary, backup = two_sides(server, heads)
    fill_up(server, disk)
    server.stop(signal.SIGKILL)
    disk.fill()
    server.start()
    assert answers(server, [primary])()
    wait_for(lambda: is_up(server, "eu", "us"), lambda: server.log.read_text())
    heads.stop(primary)
    wait_for(answers(server, [backup]), lambda: server.log.read_text())
    disk.clear()
    wait_for(lambda: "can be written again" in server.log.read_text())
    assert server.do(command="status")["store"]["unrecorded"] == 0
    server.do(command="history", verify=True)


def test_serial_numbers_do_not_go_back_over_a_restart_that_lost_steps(
    small: Callable[..., tuple[Server, SmallDisk]], heads: Heads, config: str
) -> None:
    """Even if the clock went back; a restart after a clean stop leaves them as they are."""
    server, disk = small(config)
    primary, backup = two_sides(server, heads)
    before = serial(server)
    server.stop()
    server.start()
    assert serial(server) == before
    wait_for(lambda: is_up(server, "eu", "us"), lambda: server.log.read_text())
    fill_up(server, disk)
    heads.stop(primary)
    wait_for(answers(server, [backup]), lambda: server.log.read_text())
    seen = serial(server)
    assert seen > before
    server.stop(signal.SIGKILL)
    disk.clear()
    right = server.config.read_text()
    server.config.write_text(right.replace("  failover.test:", "  other.test:"))
    assert server.launch().wait(DEADLINE) == 1  # a start that fails does not count
    server.config.write_text(right)
    if (faketime := shutil.which("faketime")) is not None:
        library = next(Path("/usr/lib").rglob("libfaketime.so.1"), Path(faketime))
        server.environment = {"LD_PRELOAD": str(library), "FAKETIME": "-30d"}
    server.start()
    assert serial(server) > seen


def test_a_restart_while_the_disk_is_full_keeps_what_is_not_recorded(
    small: Callable[..., tuple[Server, SmallDisk]], heads: Heads, config: str
) -> None:
    """The next program gets the steps from the answering processes, and records them later."""
    server, disk = small(config, workers=2)
    primary, backup = two_sides(server, heads)
    fill_up(server, disk)
    revision = server.do(command="status")["revision"]
    heads.stop(primary)
    wait_for(answers(server, [backup]), lambda: server.log.read_text())
    server.ctl("restart")
    assert answers(server, [backup])()
    status = server.do(command="status")
    assert status["groups"][0]["active"] == "backup"
    assert status["store"]["unrecorded"] >= 2
    disk.clear()
    wait_for(lambda: server.do(command="status")["store"]["unrecorded"] == 0)
    told = [change["command"]["command"] for change in history_since(server, revision)]
    assert told[:2] == ["health", "automatic"]
    assert answers(server, [backup])()


def replace_first_worker(server: Server) -> None:
    """Kill the answering process that has run longest, and wait for the one in its place."""
    before = [worker["pid"] for worker in workers(server)]
    os.kill(before[0], signal.SIGKILL)
    wait_for(
        lambda: (
            len(workers(server)) == len(before)
            and before[0] not in [worker["pid"] for worker in workers(server)]
            and all(worker["answering"] for worker in workers(server))
        )
    )


def workers(server: Server) -> list[dict[str, Any]]:
    """Return the answering processes that `status` reports."""
    found: list[dict[str, Any]] = server.do(command="status")["server"]["workers"]
    return found


def serial(server: Server) -> int:
    """Return the serial number of the zone, as a DNS client gets it."""
    return int(server.short("failover.test", "SOA")[0].split()[2])


def test_a_start_on_a_read_only_file_system_answers_and_fails_over(
    small: Callable[..., tuple[Server, SmallDisk]], heads: Heads, config: str
) -> None:
    """Changes are refused with the cause; what happened is recorded by no one, and that is said."""
    server, disk = small(config, "ext4")
    primary, backup = two_sides(server, heads)
    server.stop()
    disk.remount("ro")
    server.start()
    assert answers(server, [primary])()
    assert "cannot be written" in server.log.read_text()
    refusal = server.ask(command="application add", name="x")
    assert refusal["error"]["code"] == "unavailable"
    store = server.do(command="status")["store"]
    assert store["writable"] is False
    assert store["read_only"] is True
    wait_for(lambda: is_up(server, "eu", "us"), lambda: server.log.read_text())
    heads.stop(primary)
    wait_for(answers(server, [backup]), lambda: server.log.read_text())
    assert "cannot be written" in server.ctl("status").stdout
    assert server.stop() == 0
    assert "step(s) could not be recorded and are lost" in server.log.read_text()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_server_answers_although_its_whole_folder_is_read_only(
    tmp_path: Path, workers: int
) -> None:
    """The control socket cannot be made: it goes without commands, and says so."""
    disk = SmallDisk(tmp_path / "small", "ext4")
    config = CONFIG.replace("workers: 0", f"workers: {workers}")
    server = Server(disk.folder, config)
    server.log = tmp_path / "log"
    try:
        server.start().load_demo()
        server.stop()
        disk.remount("ro")
        begin = server.log.stat().st_size
        server.launch()

        def text() -> str:
            return server.log.read_text()[begin:]

        wait_for(lambda: "answering on" in text(), text)
        (server.port,) = map(int, re.findall(r"answering on 127.0.0.1:(\d+),", text()))
        assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
        assert "no commands are taken" in text()
        assert "cannot be written" in text()
        assert server.stop() == 0
    finally:
        server.kill()
        disk.close()


def test_a_configuration_that_changed_is_served_from_a_read_only_state(
    small: Callable[..., tuple[Server, SmallDisk]],
) -> None:
    """The zone as configured is served, although its new serial number cannot be stored."""
    server, disk = small("hooks: {told: {run: [/bin/true], events: [switch]}}\n", "ext4")
    server.load_demo()
    server.stop()
    server.config.write_text(
        server.config.read_text().replace("MX 10", "MX 20").replace("told", "added")
    )
    disk.remount("ro")
    server.start()
    assert server.short("failover.test", "MX") == ["20 mail.example.net."]


def test_the_backup_side_stays_when_the_control_process_dies_while_the_disk_is_full(
    small: Callable[..., tuple[Server, SmallDisk]], heads: Heads, config: str
) -> None:
    """A new control process asks the answering processes for what is not recorded."""
    server, disk = small(config, workers=2)
    primary, backup = two_sides(server, heads)
    fill_up(server, disk)
    revision = server.do(command="status")["revision"]
    heads.stop(primary)
    wait_for(answers(server, [backup]), lambda: server.log.read_text())
    seen = serial(server)
    for _ in range(2):  # the steps are given to processes that are started later, too
        replace_first_worker(server)
    server.stop(signal.SIGKILL)
    disk.fill()
    assert answers(server, [backup])()
    server.start()
    for _ in range(20):
        assert answers(server, [backup])()
    assert serial(server) >= seen
    status = server.do(command="status")
    assert status["groups"][0]["active"] == "backup"
    assert status["groups"][0]["unrecorded"]
    disk.clear()
    wait_for(lambda: "can be written again" in server.log.read_text())
    told = json.dumps([change["command"] for change in history_since(server, revision)])
    assert '"automatic"' in told
    assert answers(server, [backup])()
    server.stop()
    server.start()
    assert answers(server, [backup])()
