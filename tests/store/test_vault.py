"""The vault: private keys are encrypted at rest, and only the key file decrypts them."""

from __future__ import annotations

import os
import sqlite3
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

import pytest
from driving import run
from store.test_store import BUNDLES, EVERY_KIND, change
from vaults import key_file, opened

from failoverdns.model.change import Write
from failoverdns.model.errors import Corrupt
from failoverdns.store.interface import Unavailable
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.vault import Vault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed state file with three private keys."""
    path = tmp_path / "state.db"
    store = opened(path)
    run(store.commit(0, [change(1, *(Write(None, e) for e in EVERY_KIND))], (), BUNDLES))
    run(store.close())
    return path


def lines(path: Path) -> list[bytes]:
    """Return the lines of a key file: the key in use, the marker, and older keys."""
    return key_file(path).read_bytes().split()


def keys(store: SQLiteStore) -> list[str]:
    return [run(store.bundle(bundle.id)).key.reveal() for bundle in BUNDLES]


GOLDEN = Path(__file__).with_name("golden")
KEYS = [bundle.key.reveal() for bundle in BUNDLES]


def test_the_first_start_creates_a_key_file_that_only_its_owner_can_read(tmp_path: Path) -> None:
    run(opened(tmp_path / "state.db").close())
    status = key_file(tmp_path / "state.db").stat()
    assert (status.st_mode & 0o777, status.st_uid) == (0o600, os.geteuid())


def test_a_stolen_database_shows_no_private_key(path: Path) -> None:
    """It does not show the vault key either; certificate chains are public."""
    data = path.read_bytes()
    assert all(key.strip().encode() not in data for key in KEYS)
    assert key_file(path).read_bytes().strip() not in data
    assert BUNDLES[0].chain.strip().encode() in data


def replaced(file: Path, text: bytes, mode: int = 0o600) -> None:
    file.write_bytes(text)
    file.chmod(mode)


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda f: f.unlink(), "the key file is missing"),
    "readable for others": (lambda f: f.chmod(0o640), "its mode is 0640, so others may read it"),
    "somebody else's": (lambda f: os.chown(f, 12345, -1), "belongs to the user 12345"),
    "empty": (lambda f: replaced(f, b""), "is not a key file"),
    "junk": (lambda f: replaced(f, b"junk\n"), "is not a key file"),
    "too short": (lambda f: replaced(f, b"c2hvcnQ=\n"), "is not a key file"),
    "a folder": (lambda f: (f.unlink(), f.mkdir(mode=0o700)), "is not a regular file"),
    "a pipe": (lambda f: (f.unlink(), os.mkfifo(f, 0o600)), "is not a regular file"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_key_file_that_cannot_be_trusted_is_refused(path: Path, fault: str) -> None:
    """The server does not start; the message names the file and the fault."""
    make, message = REFUSED[fault]
    if fault == "somebody else's" and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    make(key_file(path))
    with pytest.raises(Corrupt, match=message) as caught:
        opened(path)
    assert str(key_file(path)) in str(caught.value)


def test_another_key_file_decrypts_nothing_and_the_message_gives_the_remedy(
    path: Path, tmp_path: Path
) -> None:
    """After the loss of a key file, a new one makes the rest of the state usable."""
    key_file(path).unlink()
    Vault(key_file(path)).open(may_create=True)
    store = opened(path)
    with pytest.raises(Corrupt, match="put that key file back, or install the certificate again"):
        run(store.bundle(BUNDLES[0].id))


def test_a_ciphertext_cannot_replace_another_one(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE bundles SET (document, checksum) = "
            "(SELECT replace(document, ?, ?), checksum FROM bundles WHERE id = ?) WHERE id = ?",
            (BUNDLES[1].id, BUNDLES[0].id, BUNDLES[1].id, BUNDLES[0].id),
        )
        (document,) = connection.execute(
            "SELECT document FROM bundles WHERE id = ?", (BUNDLES[0].id,)
        ).fetchone()
        from zlib import crc32

        connection.execute(
            "UPDATE bundles SET checksum = ? WHERE id = ?",
            (crc32(document.encode()), BUNDLES[0].id),
        )
    with pytest.raises(Corrupt, match="is damaged: install the certificate again"):
        run(opened(path).bundle(BUNDLES[0].id))


def test_after_a_rotation_the_old_key_file_decrypts_nothing(path: Path) -> None:
    old = key_file(path).read_bytes()
    store = opened(path)
    run(store.rotate_key())
    run(store.close())
    assert len(lines(path)) == 2
    assert not set(old.split()) & set(lines(path))
    replaced(key_file(path), old)
    with pytest.raises(Corrupt, match="which is not in"):
        run(opened(path).bundle(BUNDLES[0].id))


def test_an_interrupted_rotation_is_finished_at_the_next_start(path: Path) -> None:
    """The crash came after the new key was written, before anything was encrypted with it."""
    vault = Vault(key_file(path))
    vault.open(may_create=False)
    vault.begin_rotation()
    store = opened(path)
    assert keys(store) == KEYS
    assert len(lines(path)) == 2
    run(store.close())
    assert keys(opened(path)) == KEYS


def test_a_rotation_that_could_not_finish_is_continued(path: Path) -> None:
    """However often it is tried, the key file holds one new key and the old one."""
    store = opened(path)
    execute = store._file.connection.execute if store._file.connection is not None else None
    assert execute is not None
    execute("CREATE TEMP TRIGGER t BEFORE UPDATE ON bundles BEGIN SELECT RAISE(ABORT, 'no'); END")
    for _ in range(120):
        with pytest.raises(Unavailable):
            run(store.rotate_key())
    assert len(lines(path)) == 3
    assert keys(store) == KEYS
    execute("DROP TRIGGER t")
    run(store.rotate_key())
    assert len(lines(path)) == 2
    run(store.close())
    assert keys(opened(path)) == KEYS


def test_a_key_file_with_many_keys_is_read_whole(path: Path) -> None:
    """Version 0.1.0 added a key with each rotation that failed."""
    old = lines(path)[0] + b"\n"
    others = [b64encode(os.urandom(32)) + b"\n" for _ in range(200)]
    replaced(key_file(path), b"".join(others) + old)
    store = opened(path)
    assert keys(store) == KEYS
    assert lines(path)[0] == others[0].strip()
    assert len(lines(path)) == 2
    run(store.close())
    replaced(key_file(path), old * 30000)
    with pytest.raises(Corrupt, match="it has more than 1048576 bytes"):
        opened(path)


def test_a_key_file_that_is_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    """The old key does not stay in the file that it leads to."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    key_file(path).rename(folder / "vault.key")
    key_file(path).symlink_to(folder / "vault.key")
    old = (folder / "vault.key").read_bytes()
    store = opened(path)
    run(store.rotate_key())
    assert key_file(path).is_symlink()
    assert (folder / "vault.key").read_bytes() != old
    assert keys(store) == KEYS
    run(store.close())


def test_a_rotation_that_cannot_write_the_key_file_changes_nothing(path: Path) -> None:
    store = opened(path)
    blocked = key_file(path).with_name(key_file(path).name + ".new")
    blocked.mkdir()
    with pytest.raises(Exception, match=r"\.key"):
        run(store.rotate_key())
    blocked.rmdir()
    assert keys(store) == KEYS
    run(store.close())
    assert keys(opened(path)) == KEYS


def test_a_key_file_is_synced_before_anything_is_encrypted_with_it(tmp_path: Path) -> None:
    """A power failure leaves the complete old or new file: synced, read back, renamed, synced."""
    order = ("open", "pwrite", "fsync", "pread", "close", "rename", "open", "fsync", "close")
    vault = Vault(tmp_path / "vault.key")
    with system_calls() as made:
        vault.open(may_create=True)
    assert made[: len(order)] == [getattr(os, name) for name in order]
    for rotate in (vault.begin_rotation, vault.end_rotation):
        with system_calls() as made:
            rotate()
        assert made == [getattr(os, name) for name in order]


@contextmanager
def system_calls() -> Iterator[list[object]]:
    """Record the calls of these functions, in order; they are still carried out."""
    made: list[object] = []
    known = (os.open, os.pwrite, os.fsync, os.pread, os.close, os.rename)

    def note(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called in known:
            made.append(called)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield made
    finally:
        sys.setprofile(before)


def test_a_state_file_of_the_first_version_gets_a_vault(tmp_path: Path) -> None:
    """That version had no vault; the rest of the state is unchanged."""
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((GOLDEN / "state-1.sql").read_text())
    store = opened(path)
    run(store.commit(3, [change(4, Write(None, EVERY_KIND[4]))], (), BUNDLES[:1]))
    assert run(store.bundle(BUNDLES[0].id)) == BUNDLES[0]


def test_a_vault_that_lacks_a_needed_bundle_is_reported_as_damaged(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM bundles")
    with pytest.raises(Corrupt, match="the vault lacks the bundle of "):
        opened(path)
