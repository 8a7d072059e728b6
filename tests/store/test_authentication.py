"""Nobody who can write the database, and has no key, can change the state unnoticed.

`DAMAGES` are statements on the file of a server that is stopped; all checksums are made anew.
"""

from __future__ import annotations

import json
import sqlite3
from base64 import b64decode, b64encode
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest
from driving import at_once, run
from store.test_database_schema import golden
from store.test_restored_files import copy
from store.test_store import APPLICATION, CERTIFICATE, GROUP, ORDER, change
from vaults import key_file, opened, vault_beside

from failoverdns.model.certificate import Account, Bundle, Secret
from failoverdns.model.change import Write
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Side
from failoverdns.store.authentication import Authentication
from failoverdns.store.beside import read_beside
from failoverdns.store.chain import START, next_hash
from failoverdns.store.interface import Unavailable
from failoverdns.store.place import Place
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.state_file import open_state_file
from failoverdns.store.tags import SPAN, Head, TagKey
from failoverdns.store.vault import Vault

VICTIM = replace(APPLICATION, id="app-2", name="shop-us")
THIRD = replace(APPLICATION, id="app-3", name="shop-asia")
FACTS = CERTIFICATE.facts
OLDER = replace(CERTIFICATE, facts=replace(FACTS, bundle="a" * 64), source=None)
OURS = replace(CERTIFICATE, source=None)
THEIRS = replace(CERTIFICATE, application="app-2", facts=replace(FACTS, bundle="c" * 64))
SHOP = replace(GROUP, primary="app-1", backup="app-3")
ACCOUNT = Account("https://ca.example/directory", "https://ca.example/account/1", "account/1")
WRITES: tuple[Entity, ...] = (APPLICATION, VICTIM, THIRD, SHOP, OLDER, THEIRS, ORDER, ACCOUNT)


def bundles(*entities: Any) -> tuple[Bundle, ...]:
    ids = [e.facts.bundle if hasattr(e, "facts") else e.key for e in entities]
    return tuple(Bundle(id_, f"chain {id_}\n", Secret(f"key {id_}\n")) for id_ in ids)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a closed state file in which one application's certificate was replaced."""
    path = tmp_path / "state.db"
    store = opened(path)
    first = change(1, *(Write(None, entity) for entity in WRITES))
    run(store.commit(0, [first], (), bundles(OLDER, THEIRS, ORDER, ACCOUNT)))
    run(store.commit(1, [change(2, Write(OLDER, OURS))], (), bundles(OURS)))
    run(store.close())
    return path


def tamper(path: Path, *statements: str) -> None:
    """Execute statements on a file; make the checksums of all entities anew."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("crc", 1, lambda text: crc32(text.encode()))
        for statement in statements:
            connection.execute(statement)
        connection.execute("UPDATE entities SET checksum = crc(document)")


def put(key: str, name: str, value: str) -> str:
    """Return a statement that sets a field of an entity."""
    return (
        f"UPDATE entities SET document = json_set(document, '$.{name}', '{value}') "
        f"WHERE key = '{key}'"
    )


NEEDED = "UPDATE needs SET bundle = '{}' WHERE key = '{}'"
ROW = "INSERT INTO entities (key, document, checksum) SELECT '{}', replace(document, '{}', '{}'), 0"

DAMAGES: dict[str, tuple[str, ...]] = {
    "a certificate gets another application's key": (
        put("certificate/app-1", "facts.bundle", "c" * 64),
        NEEDED.format("c" * 64, "certificate/app-1"),
    ),
    "a certificate gets the older one's key": (
        put("certificate/app-1", "facts.bundle", "a" * 64),
        "UPDATE bundles SET id = '" + "a" * 64 + "' WHERE id = '" + "b" * 64 + "'",
        NEEDED.format("a" * 64, "certificate/app-1"),
    ),
    "two certificates change places": (
        "UPDATE entities SET document = replace(replace(replace(document, 'app-1', 'app-x'), "
        "'app-2', 'app-1'), 'app-x', 'app-2') WHERE key LIKE 'certificate/%'",
        "UPDATE entities SET key = 'x' WHERE key = 'certificate/app-1'",
        "UPDATE entities SET key = 'certificate/app-1' WHERE key = 'certificate/app-2'",
        "UPDATE entities SET key = 'certificate/app-2' WHERE key = 'x'",
        NEEDED.format("c" * 64, "certificate/app-1"),
        NEEDED.format("b" * 64, "certificate/app-2"),
    ),
    "keys of rows change places": (
        "UPDATE entities SET key = 'x' WHERE key = 'certificate/app-1'",
        "UPDATE entities SET key = 'certificate/app-1' WHERE key = 'certificate/app-2'",
        "UPDATE entities SET key = 'certificate/app-2' WHERE key = 'x'",
    ),
    "two applications change names": (
        put("application/app-1", "name", "shop-us"),
        put("application/app-2", "name", "shop-eu"),
    ),
    "an application is added": (
        ROW.format("application/app-9", "app-3", "app-9")
        + " FROM entities WHERE key = 'application/app-3'",
        "UPDATE head SET entities = entities + 1",
    ),
    "a group is attached to another application": (put("group/grp-2", "primary", "app-2"),),
    "a group is on the other side": (put("group/grp-2", "active", "backup"),),
    "an address": (put("application/app-1", "heads[0].addresses[0]", "203.0.113.9"),),
    "an order is another application's": (put("order/ord-5", "application", "app-3"),),
    "an order is continued at another URL": (put("order/ord-5", "url", "https://x.example/"),),
    "an account has another key": (
        put("account/https://ca.example/directory", "key", "ord-5/key"),
        NEEDED.format("ord-5/key", "account/https://ca.example/directory"),
    ),
    "an entity is removed": (
        "DELETE FROM entities WHERE key = 'application/app-3'",
        "UPDATE head SET entities = entities - 1",
    ),
    "a certificate is removed": (
        "DELETE FROM entities WHERE key = 'certificate/app-1'",
        "DELETE FROM needs WHERE key = 'certificate/app-1'",
        "UPDATE head SET entities = entities - 1",
    ),
    "the revision": ("UPDATE head SET revision = 3",),
    "the tag is cut": ("UPDATE head SET tag = substr(tag, 1, 40)",),
    "the tag is another text": ("UPDATE head SET tag = tag || 'é'",),
    "the tag names another key": ("UPDATE head SET tag = '0123456789abcdef' || substr(tag, 17)",),
    "the tag is removed": ("UPDATE head SET tag = ''",),
    "the tag is removed, and the file called an old one": (
        "UPDATE head SET tag = ''",
        "PRAGMA user_version = 4",
    ),
    "the whole history and its end": (
        "DROP TRIGGER history_takes_no_update",
        "UPDATE history SET hash = '" + "d" * 64 + "' WHERE revision = 2",
        "UPDATE head SET hash = '" + "d" * 64 + "'",
    ),
}

REFUSED = (
    "its authentication tag is not that of the entities|has no authentication tag|is "
    "authenticated with the key .* which is not in "
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_state_that_something_else_changed_is_refused(path: Path, damage: str) -> None:
    """The start is refused, and nothing is changed."""
    tamper(path, *DAMAGES[damage])
    before = path.read_bytes(), key_file(path).read_bytes()
    for _ in range(2):
        with pytest.raises(Corrupt, match=REFUSED):
            opened(path)
    assert (path.read_bytes(), key_file(path).read_bytes()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM needs WHERE key = 'certificate/app-1'",
        "UPDATE needs SET bundle = 'account/1' WHERE key = 'certificate/app-1'",
        "INSERT INTO needs VALUES ('certificate/app-9', 'account/1')",
    ],
)
def test_what_says_who_needs_a_private_key_has_to_fit_the_entities(
    path: Path, statement: str
) -> None:
    """Otherwise the next change could delete a private key that is still needed."""
    tamper(path, statement)
    with pytest.raises(Corrupt, match=r"needs (a|the) bundle"):
        opened(path)


def test_an_older_row_with_an_older_tag_is_refused(path: Path, tmp_path: Path) -> None:
    """Every row and every tag that ever was is known to whoever copied the file."""
    old = copied(path, tmp_path / "old.db")
    store = opened(path)
    renewed = replace(OURS, facts=replace(FACTS, bundle="e" * 64))
    run(store.commit(2, [change(3, Write(OURS, renewed))], (), bundles(renewed)))
    run(store.close())
    for tag in ("tag", "(SELECT tag FROM old.head)"):
        tried = copied(path, tmp_path / "tried.db")
        tamper(
            tried,
            f"ATTACH '{old}' AS old",
            "UPDATE entities SET document = (SELECT o.document FROM old.entities o "
            "WHERE o.key = entities.key)",
            "INSERT INTO bundles SELECT * FROM old.bundles WHERE id = '" + "b" * 64 + "'",
            "DELETE FROM needs",
            "INSERT INTO needs SELECT * FROM old.needs",
            f"UPDATE head SET tag = {tag}",
        )
        with pytest.raises(Corrupt, match=REFUSED):
            opened(tried)


def copied(path: Path, to: Path) -> Path:
    """Copy a closed file and its key file."""
    for file in to.parent.glob(f"{to.name}*"):
        file.unlink()
    copy(path, to, ("", ".key"))
    return to


def test_a_copy_with_its_key_file_is_accepted_on_another_machine(
    path: Path, tmp_path: Path
) -> None:
    store = opened(copied(path, tmp_path / "other.db"))
    assert run(store.bundle("b" * 64)) == bundles(OURS)[0]


def test_a_copy_with_the_key_file_of_another_state_is_refused(path: Path, tmp_path: Path) -> None:
    """The message says which of both to put back."""
    other = tmp_path / "other.db"
    run(opened(other).close())
    copy(path, other, ("",))
    with pytest.raises(Corrupt, match="put the key file of this state back, or the state of this"):
        opened(other)


def test_a_state_without_private_keys_and_without_its_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    run(opened(path).close())
    tamper(path, "INSERT INTO entities VALUES (1, 'tombstone/x', '{}', 0)")
    key_file(path).unlink()
    with pytest.raises(Corrupt, match="the key file is missing"):
        opened(path)
    assert not key_file(path).exists()


def test_an_operator_can_accept_a_state_as_it_is(path: Path) -> None:
    """To delete the marker in the key file takes more than the database."""
    tamper(path, *DAMAGES["two applications change names"])
    lines = key_file(path).read_bytes().split()
    key_file(path).write_bytes(lines[0] + b"\n")
    store = opened(path)
    assert key_file(path).read_bytes().split() == lines
    run(store.close())
    names = [each.name for each in run(reopened(path).load()).entities[:2]]
    assert names == ["shop-us", "shop-eu"]


def reopened(path: Path) -> SQLiteStore:
    return SQLiteStore(path, at_once, vault_beside(path))


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_old_file_is_accepted_once(tmp_path: Path, version: int) -> None:
    """After the upgrade nobody can put an old file in its place to get at private keys."""
    path = tmp_path / "state.db"
    run(golden_load(path, version))
    run(opened(path).close())
    path.unlink()
    with pytest.raises(Corrupt, match="it is a copy from before the upgrade to this version"):
        run(golden_load(path, version))


def golden_load(path: Path, version: int) -> Any:
    store = golden(path, version)

    async def load() -> None:
        await store.load()
        await store.close()

    return load()


def test_a_server_can_begin_again_with_nothing(path: Path) -> None:
    """The key file of the state that was moved away is kept."""
    path.unlink()
    path.with_name("state.db.acknowledged").unlink()
    store = opened(path)
    run(store.commit(0, [change(1, Write(None, THIRD))]))
    run(store.close())
    assert run(reopened(path).load()).entities == (THIRD,)


def test_a_state_is_checked_in_the_same_way_on_a_disk_that_cannot_be_written(path: Path) -> None:
    """And beside a running server, before it is replaced."""
    tamper(path, *DAMAGES["two applications change names"])
    with closing(Place(path)) as place, pytest.raises(Corrupt, match=REFUSED):
        open_state_file(place, 1.0, Authentication(vault_beside(path)), writing=False)
    with pytest.raises(Corrupt, match=REFUSED):
        read_beside(path, vault_beside(path))


def test_a_file_without_a_marker_in_its_key_file_gets_one_at_the_next_start(path: Path) -> None:
    """The server was killed, or the key file could not be written."""
    lines = key_file(path).read_bytes().split()
    key_file(path).write_bytes(lines[0] + b"\n")
    run(opened(path).close())
    assert key_file(path).read_bytes().split() == lines


def test_version_0_1_0_takes_the_marker_for_an_older_key(path: Path) -> None:
    """So a copy from before the upgrade can be used with it: two lines, of 32 bytes each."""
    lines = [b64decode(line, validate=True) for line in key_file(path).read_bytes().split()]
    assert [len(line) for line in lines] == [32, 32]


def test_a_rotation_makes_the_tag_anew(path: Path) -> None:
    old = key_file(path).read_bytes()
    store = opened(path)
    run(store.rotate_key())
    run(store.commit(2, [change(3, Write(SHOP, replace(SHOP, active=Side.BACKUP)))]))
    run(store.close())
    run(opened(path).close())
    key_file(path).write_bytes(old)
    with pytest.raises(Corrupt, match="which is not in"):
        opened(path)


def test_a_rotation_does_not_authenticate_what_something_else_changed(path: Path) -> None:
    """Nor does any other commit; the next start is refused."""
    store = opened(path)
    tamper(path, *DAMAGES["two applications change names"])
    with pytest.raises(Corrupt, match="another program changed entities"):
        run(store.rotate_key())
    run(store.commit(2, [change(3, Write(SHOP, replace(SHOP, active=Side.BACKUP)))]))
    run(store.close())
    with pytest.raises(Corrupt, match=REFUSED):
        opened(path)


TRIGGERS = {
    "in each commit": (
        "CREATE TRIGGER more AFTER INSERT ON history BEGIN "
        + put("certificate/app-1", "facts.bundle", "c" * 64)
        + "; END"
    ),
    "in a rotation": (
        "CREATE TRIGGER more AFTER UPDATE ON bundles BEGIN "
        + put("certificate/app-1", "facts.bundle", "c" * 64)
        + "; END"
    ),
    "in place of a known one": (
        "CREATE TRIGGER history_takes_no_update BEFORE UPDATE ON head BEGIN "
        + put("certificate/app-1", "facts.bundle", "c" * 64)
        + "; END"
    ),
    "of a view": "CREATE VIEW more AS SELECT * FROM entities",
}


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_that_something_else_made_is_refused(path: Path, trigger: str) -> None:
    """It could change rows within a commit, which then makes the tag for them."""
    store = opened(path)
    statements = ["DROP TRIGGER history_takes_no_update", TRIGGERS[trigger]]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    with pytest.raises(Unavailable, match="that failoverdns did not make"):
        run(store.commit(2, [change(3, Write(SHOP, replace(SHOP, active=Side.BACKUP)))]))
    with pytest.raises(Unavailable, match="that failoverdns did not make"):
        run(store.rotate_key())
    run(store.close())
    with pytest.raises(Corrupt, match="that failoverdns did not make, and that could change"):
        opened(path)


def test_other_tables_and_indexes_are_left_alone(path: Path) -> None:
    """Programs that copy a database make some, and `ANALYZE` does."""
    tamper(path, "CREATE TABLE _copied (x)", "CREATE INDEX faster ON fetches (number)", "ANALYZE")
    store = opened(path)
    run(store.commit(2, [change(3)]))


@pytest.mark.parametrize("tag", ["''", "'x:y'"])
def test_a_tag_that_vanishes_while_the_server_runs_is_noticed_by_the_next_commit(
    path: Path, tag: str
) -> None:
    store = opened(path)
    tamper(path, f"UPDATE head SET tag = {tag}")
    with pytest.raises(Unavailable, match="another program changed the state"):
        run(store.commit(2, [change(3)]))


def test_an_interrupted_rotation_leaves_a_state_that_is_accepted(path: Path) -> None:
    """Whether the new tag was committed or not: the key file holds both keys until the end."""
    for is_committed in (False, True):
        if is_committed:
            store = SQLiteStore(path, at_once, Unending(key_file(path)))
            run(store.load())
            run(store.rotate_key())
            run(store.close())
        else:
            vault = Vault(key_file(path))
            vault.open(may_create=False)
            vault.begin_rotation()
        assert len(key_file(path).read_bytes().split()) == 3
        run(opened(path).close())
        assert len(key_file(path).read_bytes().split()) == 2


class Unending(Vault):
    """A vault of a server that is killed before it can delete the old key."""

    def end_rotation(self) -> None:
        """Leave both keys in the file."""


def test_the_tag_follows_any_sequence_of_changes(tmp_path: Path) -> None:
    """Rows are added, changed and removed at random; each start accepts the result."""
    path, dice = tmp_path / "state.db", Random(7)
    present: dict[str, Any] = {}
    revision = 0
    for _ in range(12):
        store = opened(path)
        for _ in range(dice.randrange(1, 12)):
            writes = []
            for name in dice.sample(range(6 * SPAN), dice.randrange(1, 3 * SPAN)):
                id_ = f"app-{name}"
                before = present.get(id_)
                after = replace(APPLICATION, id=id_, name=f"{id_}-{revision}")
                gone = before is not None and dice.random() < 0.5
                writes.append(Write(before, None if gone else after))
                present[id_] = None if gone else after
            revision += 1
            run(store.commit(revision - 1, [change(revision, *writes)]))
        run(store.close())
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("VACUUM")
    found = {each.identity: each for each in run(reopened(path).load()).entities}
    assert found == {key: value for key, value in present.items() if value is not None}


def test_changes_that_a_hook_reads_have_to_lead_to_the_head(path: Path) -> None:
    """A hook gives a private key to whom an event names; the head is authenticated.

    Changes up to the forged one were given hashes that fit each other.
    """
    for forged in (1, 2):
        tried = copied(path, path.with_name(f"tried{forged}.db"))
        store = opened(tried)
        assert [each.revision for each in run(store.entries_after(0, 10))] == [1, 2]
        run(store.close())
        with closing(sqlite3.connect(tried, isolation_level=None)) as connection:
            connection.execute("DROP TRIGGER history_takes_no_update")
            connection.create_function("crc", 1, lambda text: crc32(text.encode()))
            previous = START
            query = "SELECT revision, document FROM history ORDER BY revision"
            for revision, text in connection.execute(query).fetchall()[:forged]:
                changed = text.replace('"name":"shop"', '"name":"blog"')
                assert changed != text
                previous = next_hash(previous, changed.encode())
                row = (changed, crc32(changed.encode()), previous, revision)
                connection.execute(
                    "UPDATE history SET document = ?, checksum = ?, hash = ? WHERE revision = ?",
                    row,
                )
            if forged == 2:  # the hash of the last change is left, as a start compares it
                query = "UPDATE history SET hash = (SELECT hash FROM head) WHERE revision = 2"
                connection.execute(query)
        store = opened(tried)
        with pytest.raises(Corrupt, match="revision 2 does not fit"):
            run(store.entries_after(0, 1))
        with pytest.raises(Corrupt, match="revision 2 does not fit"):
            run(store.entries_after(1, 1))


def test_a_tag_is_of_one_head_and_one_sum() -> None:
    """It hides the sum, and each is made with another mask."""
    key = TagKey("id", bytes(range(96)))
    head = Head(3, 2, "f" * 64)
    tag = key.tag(head, 12345)
    assert key.total(head, tag) == 12345
    assert key.total(head._replace(revision=4), tag) is None
    assert key.total(head._replace(entities=3), tag) is None
    assert key.total(head._replace(hash="e" * 64), tag) is None
    assert TagKey("id", bytes(96)).total(head, tag) is None
    assert TagKey("other", bytes(range(96))).total(head, tag) is None
    assert key.tag(head, 12345) != tag
    data = bytearray(b64decode(tag.partition(":")[2]))
    assert (12345).to_bytes(32) not in data
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1
        assert key.total(head, "id:" + b64encode(changed).decode()) is None


def test_json_of_the_documents_is_not_needed_for_the_tag(path: Path) -> None:
    """The bytes count, so that a document in another form is another one."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        query = "SELECT document FROM entities WHERE key = 'group/grp-2'"
        (text,) = connection.execute(query).fetchone()
        other = json.dumps(json.loads(text))
        assert other != text
        query = "UPDATE entities SET document = ?, checksum = ? WHERE key = 'group/grp-2'"
        connection.execute(query, (other, crc32(other.encode())))
    with pytest.raises(Corrupt, match=REFUSED):
        opened(path)
