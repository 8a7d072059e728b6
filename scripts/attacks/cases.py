"""The cases in which lost and late queries are counted: what happens to the server."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

from system.server import DEADLINE, EXECUTABLE, wait_for

from attacks.disk import Disk, obstacle
from attacks.losses import Case, Scene
from attacks.target import CONFIG

SECOND = 10.0
"""Seconds after which a second server that has not ended is one that runs."""

_DISKS: dict[Path, Disk] = {}


def baseline(scene: Scene) -> None:
    """Do nothing."""
    scene.wait(12)


def switches(scene: Scene) -> None:
    """Wait while 50 switches a second are done."""
    scene.wait(20)


def reloads(scene: Scene) -> None:
    """Reload a configuration with another TTL, with SIGHUP."""

    def reload() -> None:
        ttl = 61 - scene.events % 2
        text = scene.server.config.read_text()
        scene.server.config.write_text(text.replace(f" ttl: {121 - ttl}", f" ttl: {ttl}", 1))
        assert scene.server.process is not None
        scene.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: scene.server.do(command="status")["zones"][0]["ttl"] == ttl)

    scene.times(100, reload, 0.2)


def restarts(scene: Scene) -> None:
    """Restart with the command."""

    took = []

    def restart() -> None:
        before = scene.answering()
        began = time.monotonic()
        done = scene.server.ctl("restart", check=False)
        took.append(time.monotonic() - began)
        assert done.returncode == 0, done.stderr
        scene.wait_for_workers(*before)

    scene.times(100, restart)
    scene.notes.append(f"each took {min(took):.1f} to {max(took):.1f} s")


def kill_restart(scene: Scene) -> None:
    """Kill the control process while it restarts, and start."""

    def kill() -> None:
        with scene.server.restarting():
            time.sleep(0.1 * scene.events)
            scene.server.kill_control()
        scene.server.start()
        scene.wait_for_workers()

    scene.times(20, kill)


def stop_and_start(scene: Scene) -> None:
    """Stop with SIGTERM, and start."""

    def stop() -> None:
        scene.server.stop()
        scene.server.start()

    scene.times(5, stop, 2)


def kill_control(scene: Scene) -> None:
    """Kill the control process, and start."""

    def kill() -> None:
        scene.server.kill_control()
        scene.server.start()
        scene.wait_for_workers()

    scene.times(20, kill)


def kill_all(scene: Scene) -> None:
    """Kill every process, and start."""

    def kill() -> None:
        scene.server.kill_all()
        scene.server.start()

    scene.times(5, kill, 2)


def kill_worker(scene: Scene) -> None:
    """Kill an answering process."""

    def kill() -> None:
        pid = scene.answering()[scene.events % 2]
        os.kill(pid, signal.SIGKILL)
        scene.wait_for_workers(pid)

    scene.times(20, kill)


def hang_worker(scene: Scene) -> None:
    """Stop an answering process, which then hangs."""
    took = []

    def hang() -> None:
        pid = scene.answering()[scene.events % 2]
        began = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: pid not in scene.server.processes())
        took.append(time.monotonic() - began)
        scene.wait_for_workers(pid)

    try:
        scene.times(20, hang, 1)
    finally:
        slowest = max(took, default=0.0)
        scene.notes.append(f"ended after at most {slowest:.1f} s")


def second_server(scene: Scene) -> None:
    """Start the same configuration again."""
    _start_second(scene, scene.server.config, scene.folder)


def second_state(scene: Scene) -> None:
    """Start the same configuration with an older copy of the state."""
    state = scene.folder / "older.db"
    with (
        closing(sqlite3.connect(scene.folder / "state.db")) as source,
        closing(sqlite3.connect(state)) as target,
    ):
        source.backup(target)
    shutil.copy(scene.folder / "state.db.key", scene.folder / "older.db.key")
    config = scene.folder / "second.yaml"
    text = scene.server.config.read_text()
    config.write_text(text.replace(str(scene.folder / "state.db"), str(state)))
    _start_second(scene, config, scene.folder)


def second_socket(scene: Scene) -> None:
    """Start another server, with a control socket and a state of its own, on the same address."""
    folder = scene.folder / "second"
    folder.mkdir()
    config = folder / "failoverdns.yaml"
    listen = f"127.0.0.1:{scene.server.port}"
    config.write_text(CONFIG.format(listen=listen, workers=2, state="state.db"))
    _start_second(scene, config, folder)


def second_link(scene: Scene) -> None:
    """Start the same configuration in the same folder, by another path."""
    link = scene.folder.with_name(scene.folder.name + "-link")
    link.symlink_to(scene.folder)
    try:
        config = scene.folder / "linked.yaml"
        text = scene.server.config.read_text()
        config.write_text(text.replace(str(scene.folder), str(link)))
        _start_second(scene, link / config.name, link)
    finally:
        link.unlink()


def full_disk(scene: Scene) -> None:
    """Fill the disk of the state, and make room again."""
    filler = _DISKS[scene.folder].path / "filler"

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1 << 10):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue
        time.sleep(5)
        filler.unlink()
        wait_for(lambda: _can_switch(scene))

    scene.times(5, fill, 1)


def _can_switch(scene: Scene) -> bool:
    reply = scene.server.ask(command="group set", name="g0", ttl=60 + int(time.time()) % 7)
    return bool(reply["ok"])


def _start_second(scene: Scene, config: Path, folder: Path) -> None:
    endings: list[str] = []

    def start() -> None:
        command = [str(EXECUTABLE), "serve", "--config", str(config)]
        with (folder / "second.log").open("ab") as log:
            second = subprocess.Popen(command, cwd=folder, stderr=log, start_new_session=True)
        try:
            endings.append(f"status {second.wait(SECOND)}")
        except subprocess.TimeoutExpired:
            endings.append("runs")
            second.terminate()
            second.wait(DEADLINE)

    scene.times(10, start)
    scene.notes += [f"{endings.count(end)} x {end}" for end in sorted(set(endings))]


def _place_on_disk(folder: Path) -> Path:
    _DISKS[folder] = Disk(folder)
    return _DISKS[folder].path / "state.db"


def _remove_disk(folder: Path) -> None:
    disk = _DISKS.pop(folder, None)
    if disk is not None:
        disk.close()


CASES = {
    "baseline": Case("nothing happens", baseline),
    "switches": Case("1,000 switches, 50 a second", switches, switches=50),
    "reloads": Case("reload with another TTL", reloads),
    "restarts": Case("`failoverdns restart`", restarts),
    "kill-restart": Case(
        "kill -9 of the control process while it restarts, and start", kill_restart
    ),
    "stop": Case("SIGTERM and start", stop_and_start),
    "kill-control": Case("kill -9 of the control process, and start", kill_control),
    "kill-all": Case("kill -9 of all processes, and start", kill_all),
    "kill-worker": Case("kill -9 of an answering process", kill_worker),
    "hang-worker": Case("an answering process hangs (SIGSTOP)", hang_worker),
    "second-server": Case("a second server, same configuration", second_server),
    "second-state": Case("a second server, same control socket, older state", second_state),
    "second-link": Case("a second server, same files by a symbolic link", second_link),
    "second-socket": Case("a second server, other control socket, same address", second_socket),
    "full-disk": Case(
        "the disk is full for 5 s",
        full_disk,
        needs=obstacle,
        place=_place_on_disk,
        leave=_remove_disk,
    ),
}
"""Every case, by the name that the command line gives it."""
