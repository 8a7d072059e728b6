"""The history is replayed into the state: an entity that does not follow from it is found.

What is changed in a file is changed with right checksums, and while the server runs: a start would
refuse it (`test_authentication`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from zlib import crc32

import pytest
from driving import at_once, run
from store.test_authentication import (
    APPLICATION,
    DAMAGES,
    key_file,
    opened,
    path,
    put,
    tamper,
)
from store.test_chain import rehashed, rewrite
from store.test_database_schema import golden
from store.test_store import BUNDLES, EVERY_KIND, change
from store.test_trimming import trim
from vaults import vault_beside

from failoverdns.model.application import Application
from failoverdns.model.change import Write
from failoverdns.model.entity import Entity
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Group, Side
from failoverdns.model.history_cut import HistoryCut
from failoverdns.store import replaying
from failoverdns.store.chain import START
from failoverdns.store.interface import Differs, Store, StoreHead
from failoverdns.store.memory import MemoryStore
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.verifying import Verification

__all__ = ["path"]

FOUND: dict[str, str] = {
    "a certificate gets another application's key": (
        f'certificate/app-1: facts.bundle is "{"c" * 64}", and the history says "{"b" * 64}"'
    ),
    "two applications change names": (
        'application/app-1 (shop-eu): name is "shop-us", and the history says "shop-eu"; '
        'application/app-2 (shop-us): name is "shop-eu", and the history says "shop-us"'
    ),
    "an application is added": "application/app-9 (shop-asia) is not in the history",
    "a group is attached to another application": (
        'group/grp-2 (shop): primary is "app-2", and the history says "app-1"'
    ),
    "a group is on the other side": (
        'group/grp-2 (shop): active is "backup", and the history says "primary"'
    ),
    "an address": (
        'application/app-1 (shop-eu): heads.lb1.addresses has "203.0.113.9", and the history does '
        'not, heads.lb1.addresses lacks "192.0.2.1", and the history has it'
    ),
    "an order is another application's": (
        'order/ord-5: application is "app-3", and the history says "app-1"'
    ),
    "an entity is removed": "application/app-3 (shop-asia) is missing",
    "a certificate is removed": "certificate/app-1 is missing",
    "keys of rows change places": 'certificate/app-1: application is "app-2", and the history',
}


@pytest.mark.parametrize("damage", FOUND)
def test_an_entity_that_does_not_follow_from_the_history_is_found(path: Path, damage: str) -> None:
    """The message names it, the field, and both values."""
    store = opened(path)
    tamper(path, *DAMAGES[damage])
    with pytest.raises(Differs) as caught:
        run(store.verify())
    assert FOUND[damage] in str(caught.value)


@pytest.mark.parametrize("damage", FOUND)
def test_a_start_that_refuses_a_state_says_what_is_not_what_the_history_says(
    path: Path, damage: str
) -> None:
    tamper(path, *DAMAGES[damage])
    with pytest.raises(Corrupt) as caught:
        opened(path)
    text = str(caught.value)
    assert FOUND[damage] in text
    assert f"sed -i 2d {key_file(path)}" in text


def test_a_state_that_was_accepted_as_it_is_does_not_pass_verification(path: Path) -> None:
    """The operator who deleted the marker took the risk; the history keeps the evidence."""
    tamper(path, *DAMAGES["two applications change names"])
    key_file(path).write_bytes(key_file(path).read_bytes().split()[0] + b"\n")
    with pytest.raises(Differs, match="shop-us"):
        run(opened(path).verify())


def test_a_history_that_was_rewritten_does_not_fit_the_state(path: Path) -> None:
    """All hashes were computed again, and the one in the other table too."""
    store = opened(path)

    def rewritten(rows: Any) -> Any:
        text = rows[0].text.replace(b"192.0.2.1", b"203.0.113.1")
        assert text != rows[0].text
        return rehashed(START, [rows[0]._replace(text=text, checksum=crc32(text)), *rows[1:]])

    rewrite(store, rewritten)
    tamper(path, "UPDATE head SET hash = (SELECT hash FROM history WHERE revision = 2)")
    with pytest.raises(Differs, match=r'addresses has "192.0.2.1", and the history does not'):
        run(store.verify())


def test_a_changed_difference_is_found_by_the_chain(path: Path) -> None:
    store = opened(path)

    def changed(rows: Any) -> Any:
        text = rows[1].text.replace(b"b" * 64, b"c" * 64)
        assert text != rows[1].text
        return [rows[0], rows[1]._replace(text=text, checksum=crc32(text)), *rows[2:]]

    rewrite(store, changed)
    with pytest.raises(Corrupt, match="revision 2 does not fit") as caught:
        run(store.verify())
    assert not isinstance(caught.value, Differs)


def test_a_difference_that_cannot_be_applied_is_named(path: Path) -> None:
    """The chain was made anew by somebody who wrote a difference from another document."""
    store = opened(path)

    def changed(rows: Any) -> Any:
        text = rows[1].text.replace(b'"' + b"a" * 64, b'"' + b"d" * 64)
        assert text != rows[1].text
        return rehashed(rows[0].hash.decode(), [rows[1]._replace(text=text, checksum=crc32(text))])

    rewrite(store, lambda rows: [rows[0], *changed(rows)])
    tamper(path, "UPDATE head SET hash = (SELECT hash FROM history WHERE revision = 2)")
    with pytest.raises(Corrupt, match="revision 2 cannot be replayed: the value to replace is"):
        run(store.verify())


def test_many_differences_are_cut(tmp_path: Path) -> None:
    """And many fields of one entity."""
    store = opened(tmp_path / "state.db")
    many = [replace(APPLICATION, id=f"app-{n}", name=f"a{n}") for n in range(30)]
    run(store.commit(0, [change(1, *(Write(None, each) for each in many))]))
    tamper(tmp_path / "state.db", put("application/app-7", "name", "x"), "DELETE FROM entities")
    with pytest.raises(Differs) as caught:
        run(store.verify())
    assert str(caught.value).count("is missing") == replaying.NAMED
    assert str(caught.value).endswith(", and more")


def test_control_characters_of_a_name_are_not_printed(path: Path) -> None:
    store = opened(path)
    tamper(
        path,
        "INSERT INTO entities (key, document, checksum) SELECT 'application/x' || char(27), "
        "json_set(document, '$.name', 'x' || char(27)), 0 FROM entities LIMIT 1",
    )
    with pytest.raises(Differs) as caught:
        run(store.verify())
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_history_of_an_older_version_is_replayed(tmp_path: Path, version: int) -> None:
    """Its changes hold whole documents, and later ones only what differs from them."""
    store = golden(tmp_path / "state.db", version)
    first, second = run(store.load()).entities[:2]
    run(store.commit(3, [change(4, Write(first, replace(first, name="sky")))]))
    run(store.commit(4, [change(5, Write(second, replace(second, active=Side.BACKUP)))]))
    assert run(store.verify()).revision == 5


def test_the_history_of_a_real_state_of_version_0_1_0_is_replayed(tmp_path: Path) -> None:
    """It has every kind of entity that this version had, and its key file."""
    golden_folder = Path(__file__).parents[1] / "system" / "golden-0.1.0"
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((golden_folder / "state.sql").read_text())
    key_file(path).write_bytes((golden_folder / "vault.key").read_bytes())
    key_file(path).chmod(0o600)
    store = SQLiteStore(path, at_once, vault_beside(path))
    loaded = run(store.load()).entities
    assert run(store.verify()).revision == 26
    changed = [each for each in loaded if isinstance(each, Application | Group)]
    assert len(changed) > 4
    writes = [Write(each, replace(each, name=f"{each.name}x")) for each in changed]
    run(store.commit(26, [change(27, *writes)]))
    assert run(store.verify()).revision == 27


def random_changes(dice: Random, present: dict[str, Entity], count: int, after: int) -> list[Any]:
    """Return changes of entities of every kind, with several writes of one entity in a change."""
    made = []
    for revision in range(after + 1, after + count + 1):
        writes = []
        for _ in range(dice.randrange(4)):
            number = dice.randrange(len(EVERY_KIND))
            before = present.get(str(number))
            after_: Entity | None = varied(EVERY_KIND[number], dice)
            if before is not None and dice.random() < 0.3:
                after_ = None
            writes.append(Write(before, after_))
            present.pop(str(number), None)
            if after_ is not None:
                present[str(number)] = after_
        made.append(change(revision, *writes))
    return made


def varied(entity: Any, dice: Random) -> Entity:
    """Return an entity with the same identity and other values."""
    if hasattr(entity, "heads"):
        heads = [replace(entity.heads[0], name=f"h{n}") for n in range(dice.randrange(4))]
        dice.shuffle(heads)
        return replace(entity, heads=tuple(heads), name=f"n{dice.randrange(9)}")  # type: ignore[no-any-return]
    if hasattr(entity, "failures"):
        return replace(entity, failures=dice.randrange(9), problem=dice.choice([None, "x"]))  # type: ignore[no-any-return]
    if hasattr(entity, "ttl"):
        return replace(entity, ttl=dice.randrange(9), flatten=dice.random() < 0.5)  # type: ignore[no-any-return]
    return entity  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("seed", range(4))
def test_any_changes_trims_and_restarts_pass_verification(
    tmp_path: Path, kind: str, seed: int
) -> None:
    """Entities of every kind are added, changed and removed at random."""
    dice, present, revision = Random(seed), dict[str, Entity](), 0
    memory = MemoryStore()

    def start() -> Store:
        path = tmp_path / "state.db"
        return memory if kind == "memory" else SQLiteStore(path, at_once, vault_beside(path))

    cut: HistoryCut | None = None
    for _ in range(6):
        store = start()
        run(store.load())
        count = dice.randrange(1, 150)
        for each in random_changes(dice, present, count, revision):
            run(store.commit(each.revision - 1, [each], (), BUNDLES))
        revision += count
        assert run(store.verify()).revision == revision
        if dice.random() < 0.6:
            cut = trim(store, revision - dice.randrange(1, count + 1), cut) or cut
            revision += 1
            assert run(store.verify()).revision == revision
        run(store.close())


def test_a_replay_that_does_not_fit_into_memory_is_the_same(tmp_path: Path) -> None:
    """Documents are put away and fetched again."""
    store = opened(tmp_path / "state.db")
    dice, present = Random(3), dict[str, Entity]()
    for each in random_changes(dice, present, 200, 0):
        run(store.commit(each.revision - 1, [each], (), BUNDLES))
    many = [replace(APPLICATION, id=f"app-{n}", name=f"a{n}") for n in range(30)]
    run(store.commit(200, [change(201, *(Write(None, each) for each in many))]))
    assert verified_in_little_memory(tmp_path / "state.db") == run(store.verify())
    tamper(tmp_path / "state.db", "DELETE FROM entities WHERE key = 'application/app-29'")
    with pytest.raises(Differs, match=r"application/app-29 \(a29\) is missing"):
        verified_in_little_memory(tmp_path / "state.db")


def verified_in_little_memory(path: Path) -> StoreHead | None:
    """Verify a state file with few documents in memory; return the end of its chain."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        going = Verification(connection, most_known=3, at_once=7)
        with closing(going):
            while going.go_on(connection):
                pass
        return going.head


def test_changes_during_a_verification_do_not_disturb_it(tmp_path: Path) -> None:
    """Also while the entities are compared: what was changed since is replayed first."""

    class Turn:
        def __await__(self) -> Any:
            yield

    async def in_turn(call: Callable[[], Any]) -> Any:
        await Turn()
        return call()

    path = tmp_path / "state.db"
    store = SQLiteStore(path, in_turn, vault_beside(path))
    list(store.load().__await__())
    count = 3 * replaying.COMPARED_AT_ONCE
    many = [replace(APPLICATION, id=f"app-{n:05}", name=f"a{n}") for n in range(count)]
    list(store.commit(0, [change(1, *(Write(None, e) for e in many))]).__await__())
    dice, revision = Random(1), 1
    for _ in store.verify().__await__():
        places = dice.sample(range(len(many)), 3)
        before = [many[place] for place in places]
        after: list[Any] = [replace(each, name=f"{each.name}x") for each in before[:2]]
        new = replace(APPLICATION, id=f"app-{dice.randrange(10**5):05}-{revision}", name="new")
        writes = [*map(Write, before, [*after, None]), Write(None, new)]
        many[places[0]], many[places[1]], many[places[2]] = after[0], after[1], new
        revision += 1
        list(store.commit(revision - 1, [change(revision, *writes)]).__await__())
    assert revision > 5


def test_json_of_a_document_may_have_another_form(path: Path) -> None:
    """An older version of the program may have written it: the entity counts."""
    store = opened(path)
    connection = store._file.connection
    assert connection is not None
    query = "SELECT document FROM entities WHERE key = 'group/grp-2'"
    document = json.loads(connection.execute(query).fetchone()[0])
    text = json.dumps({**document, "flatten": False})
    tamper(path, f"UPDATE entities SET document = '{text}' WHERE key = 'group/grp-2'")
    run(store.verify())
