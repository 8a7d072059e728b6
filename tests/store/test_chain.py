"""The hash chain over the history (`store.chain`): tampering is found, with the first revision.

These tests run for every store, like `test_store`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from zlib import crc32

import pytest
from driving import at_once, run
from store.test_store import APPLICATION, GROUP, change
from vaults import vault_beside

from failoverdns.model.change import Write
from failoverdns.model.errors import Corrupt
from failoverdns.store.chain import PIECE, PIECE_BYTES, START, ChainLink, linked
from failoverdns.store.interface import Store, StoreHead
from failoverdns.store.memory import MemoryStore
from failoverdns.store.sqlite import SQLiteStore

Rows = list[ChainLink]

HISTORY = (
    change(1, Write(None, APPLICATION), subjects=("app-1",)),
    change(2, Write(None, GROUP), subjects=("grp-2", "group:shop")),
    change(3),
    change(4, Write(GROUP, replace(GROUP, ttl=30)), subjects=("grp-2",)),
    change(5),
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a loaded, empty store."""
    path = tmp_path / "state.db"
    store: Store = (
        SQLiteStore(path, at_once, vault_beside(path))
        if request.param == "sqlite"
        else MemoryStore()
    )
    run(store.load())
    return store


@pytest.fixture
def filled(store: Store) -> Store:
    """Return a store with the changes of `HISTORY`."""
    run(store.commit(0, HISTORY[:1]))
    run(store.commit(1, HISTORY[1:]))
    return store


def rewrite(store: Store, rows: Callable[[Rows], Rows]) -> None:
    """Replace the stored history, without the triggers that make it append-only."""
    if isinstance(store, MemoryStore):
        store.chain[:] = sorted(rows(list(store.chain)))
        return
    assert isinstance(store, SQLiteStore)
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        query = "SELECT revision, CAST(document AS BLOB), checksum, CAST(hash AS BLOB) FROM history"
        there = [ChainLink(*row) for row in connection.execute(query)]
        triggers = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM history")
        query = "INSERT INTO history VALUES (?, CAST(? AS TEXT), ?, CAST(? AS TEXT))"
        connection.executemany(query, rows(there))


def changed(row: ChainLink, old: bytes = b"W\\u00e4rme", new: bytes = b"Kaelte") -> ChainLink:
    """Return the row with another reason and the right checksum."""
    text = row.text.replace(old, new)
    assert text != row.text
    return row._replace(text=text, checksum=crc32(text))


def rehashed(previous: str, rows: Rows) -> Rows:
    """Return the rows with the hashes that follow from their texts."""
    given = ((row.revision, row.text.decode(), row.checksum) for row in rows)
    return [
        ChainLink(revision, text.encode(), checksum, hash_.encode())
        for revision, text, checksum, hash_ in linked(previous, given)
    ]


def numbered(rows: Rows) -> Rows:
    """Return the rows with revisions from 1 on."""
    return [row._replace(revision=number) for number, row in enumerate(rows, 1)]


DAMAGES: dict[str, tuple[Callable[[Rows], Rows], str]] = {
    "a changed text": (
        lambda r: [*r[:2], changed(r[2]), *r[3:]],
        "revision 3 does not fit: its hash does not follow from its text and the hash before it",
    ),
    "a damaged text": (
        lambda r: [*r[:2], r[2]._replace(text=changed(r[2]).text), *r[3:]],
        "revision 3 does not fit: its text was changed",
    ),
    "a text that is not text": (
        lambda r: [*r[:2], r[2]._replace(text=b"\xff\0{"), *r[3:]],
        "revision 3 does not fit: its text was changed",
    ),
    "a changed hash": (
        lambda r: [*r[:2], r[2]._replace(hash=b"f" * 64), *r[3:]],
        "revision 3 does not fit: its hash does not follow",
    ),
    "a changed text with its hash": (
        lambda r: [*r[:2], *rehashed(r[1].hash.decode(), [changed(r[2])]), *r[3:]],
        "revision 4 does not fit: its hash does not follow from its text and the hash before it: "
        "one of them, or the text before it, was changed",
    ),
    "the last text changed with its hash": (
        lambda r: [*r[:4], *rehashed(r[3].hash.decode(), [changed(r[4])])],
        "revision 5 does not fit: its hash is ",
    ),
    "all hashes computed again": (
        lambda r: rehashed(START, [*r[:2], changed(r[2]), *r[3:]]),
        "revision 5 does not fit: its hash is ",
    ),
    "a checksum of another text": (
        lambda r: [*r[:2], r[2]._replace(checksum=7), *r[3:]],
        "revision 3 does not fit: its text was changed",
    ),
    "the first one removed": (
        lambda r: r[1:],
        "revision 1 does not fit: it is missing; revision 2 is the next",
    ),
    "one removed": (
        lambda r: [*r[:2], *r[3:]],
        "revision 3 does not fit: it is missing; revision 4 is the next",
    ),
    "one removed and the rest renumbered": (
        lambda r: numbered([*r[:2], *r[3:]]),
        "revision 3 does not fit: the order was changed: the text in its place is that of "
        "revision 4",
    ),
    "two swapped": (
        lambda r: numbered([r[0], r[2], r[1], *r[3:]]),
        "revision 2 does not fit: the order was changed: the text in its place is that of "
        "revision 3",
    ),
    "two texts swapped": (
        lambda r: [r[0], r[1]._replace(text=r[2].text), r[2]._replace(text=r[1].text), *r[3:]],
        "revision 2 does not fit: the order was changed",
    ),
    "the last one removed": (
        lambda r: r[:4],
        "revision 5 does not fit: the end of the history is missing, up to revision 5",
    ),
    "the end removed": (
        lambda r: r[:2],
        "revision 3 does not fit: the end of the history is missing, up to revision 5",
    ),
    "all removed": (lambda r: [], "revision 1 does not fit: the end of the history is missing"),
    "one inserted at the end": (
        lambda r: [*r, r[0]._replace(revision=6)],
        "revision 6 does not fit: it was inserted after the last one that was committed",
    ),
    "one inserted before the first": (
        lambda r: [r[0]._replace(revision=0), *r],
        "revision 0 does not fit: no change has this number: it was inserted",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_tampering_with_the_history_is_found(filled: Store, damage: str) -> None:
    """The message names the first revision that does not fit, and the reason."""
    tamper, message = DAMAGES[damage]
    rewrite(filled, tamper)
    with pytest.raises(Corrupt) as caught:
        run(filled.verify())
    assert str(caught.value).startswith(message)


def test_a_history_without_tampering_passes_verification(filled: Store) -> None:
    """Verification returns the last revision; writing equal rows again makes no difference."""
    end = run(filled.verify())
    assert end.revision == 5
    rewrite(filled, lambda rows: rows)
    assert run(filled.verify()) == end


def test_an_empty_history_passes_verification(store: Store) -> None:
    assert run(store.verify()) == StoreHead(0, START)
    assert run(store.links(0, 10)) == ()


def test_a_hash_noted_earlier_reveals_a_rewritten_history(filled: Store) -> None:
    """An intruder who can write the file can make its hashes fit, but not a hash noted before."""
    noted = [link.hash for link in run(filled.links(0, 10))]
    run(filled.commit(5, [change(6)]))
    for hash_ in (START, *noted):
        assert run(filled.verify(hash_)).revision == 6
    with pytest.raises(Corrupt, match=f"no change has the hash {'f' * 64}"):
        run(filled.verify("f" * 64))


def test_an_exported_chain_can_be_verified_with_sha_256_alone(filled: Store) -> None:
    """Each link has the hashed text, the hash before it, and its change."""
    links = run(filled.links(0, 10))
    assert tuple(link.change for link in links) == tuple(each.entry for each in HISTORY)
    previous = START
    for link in links:
        assert link.previous == previous
        assert link.hash == sha256(f"{previous}{link.document}".encode()).hexdigest()
        previous = link.hash
    assert run(filled.verify()) == StoreHead(5, previous)


def test_links_can_be_read_from_a_revision_on(filled: Store) -> None:
    """Read in parts they are the same as read at once."""
    links = run(filled.links(0, 10))
    assert run(filled.links(2, 2)) == links[2:4]
    assert run(filled.links(5, 2)) == ()


def test_a_piece_of_the_history_is_limited_in_changes_and_bytes(store: Store) -> None:
    """A single change that exceeds the limit is a piece of its own."""
    large = change(1, subjects=("x" * PIECE_BYTES,))
    run(store.commit(0, [large, *(change(n) for n in range(2, PIECE + 10))]))
    assert [link.change.revision for link in run(store.links(0, PIECE + 10))] == [1]
    assert len(run(store.links(1, PIECE + 10))) == PIECE


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "its text is not the one that was written"),
        (b"\xff", "'utf-8' codec can't decode"),
        (b"[" * 100_000, "recursion"),
        (b"[", "Expecting value"),
        (b"[]", "not a change of this version"),
        (b"{}", "not a change of this version"),
    ],
)
def test_a_damaged_change_is_not_exported(filled: Store, text: bytes | None, why: str) -> None:
    """The refusal names it, even if its checksum fits; the changes after it can be exported."""

    def damage(row: ChainLink) -> ChainLink:
        if text is None:
            return row._replace(checksum=7)
        return row._replace(text=text, checksum=crc32(text))

    rewrite(filled, lambda rows: [*rows[:2], damage(rows[2]), *rows[3:]])
    with pytest.raises(Corrupt, match=f"revision 3 cannot be read: .*{why}"):
        run(filled.links(0, 10))
    after = [each.entry for each in HISTORY[3:]]
    assert [link.change for link in run(filled.links(3, 10))] == after
