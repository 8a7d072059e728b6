"""What a confined answering process can still do: each attempt in a process that gave up the rest.

Every attempt is made twice: without confinement, to see that it is a real one, and with it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from failoverdns.confinement import landlock, seccomp

NOBODY = 65534
PACKAGE = Path(landlock.__file__).parents[1]

ATTEMPTS = Path(__file__).with_name("attempts.py")

STILL = {
    "make a pair of sockets",
    "write the query log and rename it",
    "write the query log in another thread",
    "make its rendezvous again",
    "make its rendezvous in a new folder",
    "start a thread",
    "import a module late",
    "import a module in C late",
    "answer on its sockets",
    "pass sockets on",
    "get random bytes",
    "lower its own limit of files",
}
"""What a confined process must still be able to do."""

NEEDS_ROOT = {
    *("become another user", "become root", "change its groups", "change its root"),
    "type into a terminal",
}
"""What an ordinary user cannot do anyway."""

NEVER = {"run a program in memory", "open a file by handle", "load a BPF program"}
"""What fails here without confinement too, but with another error or by chance."""


@dataclass
class Place:
    """A folder as a server has one, with a control process that only waits."""

    folder: Path
    uid: int
    control: subprocess.Popen[bytes]
    abstract: str

    def attempt(self, name: str, *, confined: bool | str) -> tuple[Any, str]:
        """Make an attempt in a process of its own; return its confinement and the result."""
        how = confined if isinstance(confined, str) else "yes" if confined else "no"
        done = self.run(name, how)
        assert done.returncode == 0, done.stderr
        if not confined and not done.stdout.count("\n") > 1:
            return None, "done"  # another program ran in its place
        report, result = done.stdout.splitlines()
        return json.loads(report), result

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the program that makes attempts."""
        rest = (str(self.folder), str(self.control.pid), self.abstract, str(PACKAGE))
        user = str(self.uid)
        return subprocess.run(
            [sys.executable, "-P", ATTEMPTS, *words, *rest, user],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd="/",
        )


@pytest.fixture(params=["own user", "another user"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Make the folder of a server of root, or of an ordinary user."""
    uid = os.geteuid() if request.param == "own user" else NOBODY
    if uid != os.geteuid() and os.geteuid() != 0:
        pytest.skip("only root can be another user")
    if landlock.version() == 0 or not seccomp.is_known():
        pytest.skip("this kernel has no Landlock, or this architecture no filter")
    folder = Path(tempfile.mkdtemp(prefix="failoverdns-confinement-"))
    for name in ("state", "run", "log"):
        (folder / name).mkdir()
    for name in ("state/state.db", "state/state.db.key", "log/old"):
        (folder / name).write_text("secret")
    listening = [socket.socket(socket.AF_UNIX) for _ in range(3)]
    abstract = f"@failoverdns-test-{os.getpid()}-{folder.name}"
    listening[0].bind(str(folder / "run/control.sock"))
    listening[1].bind(str(folder / "run/control.sock.worker.1"))
    listening[2].bind(abstract.replace("@", "\0"))
    for one in listening:
        one.listen()
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, uid if uid == NOBODY else -1)
    control = subprocess.Popen(
        ["/bin/sleep", "100"],
        cwd="/",
        **({"user": uid, "group": uid, "extra_groups": []} if uid != os.geteuid() else {}),
    )
    try:
        yield Place(folder, uid, control, abstract)
    finally:
        control.kill()
        control.wait()
        for one in listening:
            one.close()
        shutil.rmtree(folder)


def attempts() -> list[str]:
    """Return the names of all attempts."""
    words = [sys.executable, "-P", ATTEMPTS, "?", "no", "/", "0", "", "", str(os.geteuid())]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


FOR_TRANSFERS = {
    "open a UDP socket": "done",
    "write the query log and rename it": "done",
    "read the log": "done",
    "answer on its sockets": "done",
    "start a thread": "done",
    "open a TCP socket": "EPERM",
    "connect a socket that it has": "EACCES",
    "open a Unix datagram socket": "EPERM",
    "make its rendezvous again": "EPERM",
    "connect to the control socket": "EPERM",
    "read the key": "EACCES",
    "overwrite the state": "EACCES",
    "write into the state's folder": "EACCES",
    "read a file of the system": "EACCES",
    "signal the control process": "EPERM",
    "run a program": "EPERM",
    "start a process": "EPERM",
    "read the memory of the control process": "EACCES",
}
"""What a few attempts come to in the transfer process; its folder is that of the log here."""


@pytest.mark.parametrize("place", ["own user"], indirect=True)
@pytest.mark.parametrize("name", FOR_TRANSFERS)
def test_the_transfer_process_can_write_to_its_folder_and_ask_over_udp(
    place: Place, name: str
) -> None:
    report, result = place.attempt(name, confined="transfers")
    assert report["fault"] == ""
    if name == "signal the control process" and landlock.version() < 6:
        return
    assert result == FOR_TRANSFERS[name]


def test_the_transfer_process_is_confined_although_a_file_is_in_place_of_its_folder(
    place: Place,
) -> None:
    for name in ("read the key", "write into the state's folder"):
        report, result = place.attempt(name, confined="transfers without a folder")
        assert (report["fault"], result) == ("", "EACCES")


def _is_open(path: Path) -> bool:
    """Return whether every user may read a file."""
    return all(one.stat().st_mode & 0o5 for one in (path.resolve(), *path.resolve().parents))


@pytest.mark.parametrize("name", attempts())
def test_a_confined_process_can_only_answer(place: Place, name: str) -> None:
    """What it must do for that succeeds; all else is refused, and would succeed unconfined."""
    if name.startswith("import") and place.uid == NOBODY and not _is_open(Path(os.__file__)):
        pytest.skip("Python is in a folder that other users cannot read")
    report, result = place.attempt(name, confined=True)
    assert report["fault"] == ""
    assert report["landlock"] == landlock.version()
    assert report["seccomp"] is True
    if name in STILL:
        assert result == "done"
        return
    assert result in ("EPERM", "EACCES", "ENOSYS")
    if name not in NEVER and not (place.uid != 0 and name in NEEDS_ROOT):
        assert place.attempt(name, confined=False)[1] == "done"


FOR_WEB = {
    "answer on its sockets": "done",
    "start a thread": "done",
    "get random bytes": "done",
    "import a module late": "done",
    "write the query log and rename it": "EACCES",
    "open a UDP socket": "EPERM",
    "open a TCP socket": "EPERM",
    "connect to the control socket": "EPERM",
    "read the key": "EACCES",
    "overwrite the state": "EACCES",
    "write into the state's folder": "EACCES",
    "read a file of the system": "EACCES",
    "signal the control process": "EPERM",
    "run a program": "EPERM",
    "start a process": "EPERM",
    "read the memory of the control process": "EACCES",
}
"""What a few attempts come to in the web process."""


@pytest.mark.parametrize("place", ["own user"], indirect=True)
@pytest.mark.parametrize("name", FOR_WEB)
def test_the_web_process_can_write_to_no_file_and_open_no_socket(place: Place, name: str) -> None:
    report, result = place.attempt(name, confined="web")
    assert report["fault"] == ""
    if name == "signal the control process" and landlock.version() < 6:
        return
    assert result == FOR_WEB[name]
