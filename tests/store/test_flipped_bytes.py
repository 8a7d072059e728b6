"""A damaged state file gives the same state or is refused; it never gives another state."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from driving import at_once, run
from store.test_restored_files import copy, opened
from store.test_store import BUNDLES, EVERY_KIND, change
from vaults import vault_beside

from failoverdns.model.change import EVERYBODY, Operation, Write
from failoverdns.model.delivery import Fetch, HookProgress
from failoverdns.model.errors import Corrupt
from failoverdns.model.group import Tombstone
from failoverdns.model.names import DomainName
from failoverdns.store.interface import Loaded, Unavailable
from failoverdns.store.sqlite import SQLiteStore

TRIES = int(os.environ.get("FAILOVERDNS_FLIPS", "25"))
"""Damages that are tried for each way to do it."""


def bit(data: bytearray, dice: random.Random) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def high_bits(data: bytearray, dice: random.Random) -> None:
    """Make text that is not UTF-8."""
    start = dice.randrange(len(data))
    for place in range(start, min(start + dice.randrange(1, 40), len(data))):
        data[place] |= 0x80


def noise(data: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(data))
    size = min(dice.randrange(1, 64), len(data) - start)
    data[start : start + size] = dice.randbytes(size)


def sector(data: bytearray, dice: random.Random) -> None:
    start = dice.randrange(len(data) // 512) * 512
    data[start : start + 512] = dice.choice([bytes(512), dice.randbytes(512)])


def swap(data: bytearray, dice: random.Random) -> None:
    one, two = (dice.randrange(len(data) // 4096) * 4096 for _ in range(2))
    data[one : one + 4096], data[two : two + 4096] = data[two : two + 4096], data[one : one + 4096]


def cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


DAMAGES: list[Callable[[bytearray, random.Random], None]] = [
    bit, high_bits, noise, sector, swap, cut,
]  # fmt: skip

READS: list[Callable[[SQLiteStore], object]] = [
    lambda store: run(store.operation("once1", EVERYBODY)),
    lambda store: run(store.history(None, 100)),
    lambda store: run(store.history(["subject3"], 100)),
    lambda store: run(store.changes_after(0)),
    lambda store: run(store.links(0, 100)),
    lambda store: run(store.bundle(BUNDLES[0].id)),
    lambda store: run(store.fetches("app-1", 100)),
    lambda store: run(store.progress()),
    lambda store: run(store.verify()),
    lambda store: run(store.rotate_key()),
    lambda store: run(store.record_fetch(Fetch(1.0, "app-1", "web1", "::1", "f", "pem"))),
    lambda store: run(store.commit(21, [change(22, subjects=("late",))])),
]


@pytest.mark.parametrize("in_log", [False, True], ids=["file", "log"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_never_gives_another_state(
    tmp_path: Path, damage: Callable[[bytearray, random.Random], None], in_log: bool
) -> None:
    """Nor does it end a start, a command or a query of the history in any other way."""
    path, sound = tmp_path / "state.db", tmp_path / "sound.db"
    store = opened(path)
    run(store.commit(0, [change(1, *(Write(None, e) for e in EVERY_KIND))], (), BUNDLES))
    zone = DomainName.from_text("failover.test")
    many = tuple(Tombstone(zone, f"label{number}", "shop") for number in range(60))
    for number in range(20):
        writes = (Write(None, entity) for entity in many[3 * number : 3 * number + 3])
        once = Operation(f"once{number}", "{}", number + 2, {})
        one = change(number + 2, *writes, subjects=(f"subject{number}",))
        run(store.commit(number + 1, [one], [once]))
        run(store.record_fetch(Fetch(1.0, "app-1", "web1", "::1", "f" * 64, "pem")))
        run(store.save_progress(f"hook{number}", HookProgress(number, 1.0, "a", "b", "c" * 50)))
    if not in_log:
        run(store.close())
    copy(path, sound, ("", "-wal", ".key"))
    state = Loaded(21, (*EVERY_KIND, *many))
    dice = random.Random(f"{damage.__name__} {in_log}")
    loads, refusals = 0, list[str]()
    for number in range(TRIES):
        tried = tmp_path / "tried.db"
        for file in tmp_path.glob("tried.db*"):
            file.unlink()
        copy(sound, tried, ("", "-wal", ".key"))
        tried.with_name("tried.db.acknowledged").write_text("00000000000000000021\n")
        target = tried.with_name("tried.db-wal") if in_log else tried
        data = bytearray(target.read_bytes())
        damage(data, dice)
        target.write_bytes(data)
        store = SQLiteStore(tried, at_once, vault_beside(tried))
        try:
            assert run(store.load()) == state, number
            loads += 1
            for read in READS:
                try:
                    read(store)
                except (Unavailable, Corrupt):
                    continue
        except Corrupt as fault:
            refusals.append(str(fault))
        finally:
            run(store.close())
    assert loads > 0 or in_log or damage in (cut, swap)
    assert [text for text in refusals if not text.startswith(f"{tmp_path}/tried.db")] == []
