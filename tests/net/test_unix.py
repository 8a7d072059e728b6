"""Unix sockets: paths of any length, stale sockets, and folders that others can write to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from twisted.internet.testing import MemoryReactorClock

from failoverdns.net.sockets import CannotListen
from failoverdns.net.unix import UnixListener
from failoverdns.net.unix_paths import (
    MAX_PATH,
    bind_unix,
    connect_unix,
    distrust,
    hidden_from,
    make_folder,
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that only we can write to."""
    made = tmp_path / "run"
    made.mkdir(0o750)
    return made


@pytest.mark.parametrize("size", [10, MAX_PATH, MAX_PATH + 1, MAX_PATH + 60])
def test_a_path_of_any_length_is_listened_at_and_reached(folder: Path, size: int) -> None:
    """Its file has the right permissions; nothing else is left in the folder."""
    path = folder / ("s" * max(1, size - len(os.fsencode(folder)) - 1))
    with bind_unix(path, 0o660, "control.socket") as listening, connect_unix(path) as client:
        accepted, _ = listening.accept()
        with accepted:
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
        assert path.stat().st_mode & 0o777 == 0o660
        assert list(folder.iterdir()) == [path]
        with pytest.raises(CannotListen, match="another failoverdns answers on"):
            bind_unix(path, 0o660, "control.socket")
    with bind_unix(path, 0o600, "control.socket"):  # what a killed server left is replaced
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_whose_queue_is_full_is_in_use(folder: Path) -> None:
    """Whoever listens there is only slow."""
    path = folder / "control.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(0)
        with connect_unix(path):
            with pytest.raises(BlockingIOError):
                connect_unix(path)
            with pytest.raises(CannotListen, match="another failoverdns answers on"):
                bind_unix(path, 0o660, "control.socket")


def test_a_symbolic_link_to_nothing_is_not_replaced(folder: Path) -> None:
    """It is not a socket that a killed server left."""
    path = folder / "control.sock"
    path.symlink_to("nowhere")
    with pytest.raises(CannotListen, match="exists and is not a socket"):
        bind_unix(path, 0o660, "control.socket")


def test_the_socket_of_another_server_is_not_removed(folder: Path) -> None:
    """Ours was removed, and another server has the path now."""
    path = folder / "new" / "control.sock"
    ours = UnixListener(MemoryReactorClock(), path, 0o660, setting="control.socket")
    assert ours.is_in_place
    path.unlink()
    theirs = UnixListener(MemoryReactorClock(), path, 0o660, setting="control.socket")
    assert not ours.is_in_place
    ours.close()
    assert theirs.is_in_place
    theirs.close()
    assert not path.exists()


@pytest.mark.parametrize(
    ("mode", "refused", "doubted"),
    [
        (0o750, "", ""),
        (0o755, "", ""),
        (0o775, "", ""),  # of our own group
        (0o777, "every user of the machine can replace", ""),
        (0o1777, "", "every user of the machine can make files"),
    ],
)
def test_a_folder_that_others_can_write_to_is_not_trusted(
    folder: Path, mode: int, refused: str, doubted: str
) -> None:
    """With the sticky bit they can only add files."""
    folder.chmod(mode)
    found = distrust(folder)
    assert found.refused.startswith(refused)
    assert bool(found.refused) == bool(refused)
    assert found.doubted.startswith(doubted)
    assert bool(found.doubted) == bool(doubted)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_or_group_is_doubted(folder: Path) -> None:
    os.chown(folder, -1, 65534)
    folder.chmod(0o770)
    assert "group 65534 can replace" in distrust(folder).doubted
    folder.chmod(0o750)
    assert distrust(folder).doubted == ""
    os.chown(folder, 65534, -1)
    assert "belongs to another user" in distrust(folder).doubted


def test_a_socket_has_its_group_before_anybody_can_connect(tmp_path: Path) -> None:
    """A folder that is made for it has the group too; one that was there is left alone."""
    if os.getuid() != 0:
        pytest.skip("only root can give a file to any group")
    folder = tmp_path / "a" / "b"
    make_folder(folder, "control.socket", 42001)
    make_folder(folder, "control.socket", 42002)
    assert (folder.stat().st_gid, folder.stat().st_mode & 0o777) == (42001, 0o750)
    assert folder.parent.stat().st_gid != 42001
    for name in ("short", "x" * 100):
        path = folder / name
        with bind_unix(path, 0o660, "control.socket", 42001):
            assert (path.stat().st_gid, path.stat().st_mode & 0o777) == (42001, 0o660)


def test_a_group_that_the_user_is_not_in_cannot_be_given(tmp_path: Path) -> None:
    """The message says what to do; the socket is not left open to a wrong group."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    tmp_path.chmod(0o777)
    program = (
        "import os, sys, pathlib\n"
        "from failoverdns.net.unix_paths import bind_unix\n"
        "from failoverdns.net.sockets import CannotListen\n"
        "os.chdir(sys.argv[1])\n"
        "os.setgroups([]); os.setresgid(1, 1, 1); os.setresuid(41001, 41001, 41001)\n"
        "try:\n"
        "    bind_unix(pathlib.Path('s'), 0o660, 'control.socket', 42001)\n"
        "except CannotListen as fault:\n"
        "    print(fault)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == (
        "control.socket: s: Operation not permitted. Its group can be 42001 only if the server's "
        "user is in that group, or is root\n"
    )


def test_the_folder_that_a_group_cannot_enter_is_found() -> None:
    """The first one on the way that neither others nor the group may enter."""
    with TemporaryDirectory() as base:
        outer, inner = Path(base), Path(base, "inner")
        inner.mkdir()
        for mode, found in ((0o711, None), (0o700, outer), (0o710, outer)):
            inner.chmod(0o711)
            outer.chmod(mode)
            assert hidden_from(inner, 42001) == found
        assert hidden_from(inner, outer.stat().st_gid) is None, "the group itself may"
        outer.chmod(0o711)
        inner.chmod(0o600)
        assert hidden_from(inner, 42001) == inner
