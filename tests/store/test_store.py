"""Tests that every store passes: the behaviour that the ledger relies on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from driving import at_once, run
from vaults import vault_beside

from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.certificate import (
    Account,
    Bundle,
    Certificate,
    CertificateKind,
    Challenge,
    Facts,
    Order,
    Secret,
)
from failoverdns.model.change import EVERYBODY, Change, Operation, Write
from failoverdns.model.delivery import Fetch, HookProgress
from failoverdns.model.entity import Entity
from failoverdns.model.former_name import FormerName
from failoverdns.model.group import Group, Side, Tombstone
from failoverdns.model.health import Cause, Forced, Health, Observed
from failoverdns.model.history_cut import HistoryCut
from failoverdns.model.names import DomainName
from failoverdns.model.policy import Automation, Flag, Held, Maintenance, Plan
from failoverdns.model.principal import read_who
from failoverdns.model.records import Opaque, RRset
from failoverdns.model.resolution import Resolved
from failoverdns.model.roles import Role
from failoverdns.model.stored_records import StoredRecords
from failoverdns.model.token import Token, TokenHead, TokenUse
from failoverdns.model.zone import ZoneSerial
from failoverdns.store.interface import MAX_FETCHES, Conflict, Loaded, Store
from failoverdns.store.memory import MemoryStore
from failoverdns.store.sqlite import SQLiteStore

ZONE = DomainName.from_text("failover.test")
APPLICATION = Application(
    "app-1",
    "shop-eu",
    "{head}.example",
    (Head("lb1", HeadRole.LOAD_BALANCER, (ip_address("192.0.2.1"), ip_address("2001:db8::1"))),),
    "lb1",
)
GROUP = Group("grp-2", "shop", ZONE, "shop", "app-1", None, Side.PRIMARY, 60, 2, 12.5, 99.25)
CERTIFICATE = Certificate(
    "app-1",
    CertificateKind.ACME,
    Facts(
        bundle="b" * 64,
        fingerprint="f" * 64,
        names=("*.shop.example", "192.0.2.1"),
        issuer="CN=Test CA",
        key_type="ECDSA P-256",
        not_before=1.0,
        not_after=9000.5,
        length=2,
        self_signed=False,
        renewal_id="aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
    ),
    1234.5,
    "app-0",
)
ORDER = Order(
    "ord-5",
    "app-1",
    ("www.shop.example",),
    "ord-5/key",
    "https://ca.example/order/1",
    (Challenge(ZONE.child("_acme-challenge"), "value"),),
    2,
    99.5,
    "no such name",
)
EVERY_KIND: tuple[Entity, ...] = (
    APPLICATION,
    GROUP,
    Tombstone(ZONE, "old", "old-shop"),
    ZoneSerial(ZONE, 4294967295, "abc"),
    CERTIFICATE,
    ORDER,
    Account("https://ca.example/directory", "https://ca.example/account/1", "account/1"),
    Resolved(
        DomainName.from_text("lb.cloud.example"),
        (IPv4Address("192.0.2.7"),),
        (IPv6Address("2001:db8::7"),),
        1234.5,
    ),
    replace(GROUP, id="grp-3", name="flat", label="flat", flatten=True),
    replace(
        APPLICATION,
        id="app-watched",
        name="watched",
        heads=(
            replace(
                APPLICATION.heads[0],
                observed=Observed(Health.DOWN, 1234.5, Cause.TIMEOUT, "connecting"),
                forced=Forced(Health.UP, 1235.0, "probe is wrong"),
            ),
        ),
        checks=("web", "tls"),
        require_checks=1,
        require_heads="all",
        forced=Forced(Health.DOWN, 1236.0),
    ),
    replace(
        GROUP,
        id="grp-watched",
        name="watched",
        label="watched",
        automation=Automation(
            policy="automatic",
            maintenance=Maintenance(1234.5, "disk swap"),
            switched_at=1200.0,
            automatic=(1100.5, 1200.0),
            held=Held("backup", ("office", "target-down"), 1233.0),
            plan=Plan(9999.5, "backup", 10, 9900.0, ("target-down",), "works"),
            by_hand=True,
        ),
    ),
    Flag("office", True, 1234.5, "monday"),
    FormerName("shop-old"),
    StoredRecords(
        ZONE,
        DomainName.from_text("www").below(ZONE),
        (
            RRset(1, 300, (Opaque(b"\xc0\0\2\1"), Opaque(b"\xc0\0\2\2"))),
            RRset(16, 60, (Opaque(b"\1a"),)),
        ),
    ),
    Token(
        "abcdefghi2",
        "deploy-bot",
        Role.OPERATOR,
        ("shop-*", "blog"),
        None,
        "d" * 64,
        created=1234.5,
        expires=9999.5,
    ),
    Token(
        "abcdefghi3",
        "lb1",
        None,
        None,
        TokenHead("app-1", "lb1", is_removed=True),
        "e" * 64,
        created=1235.0,
    ),
)
CUT = HistoryCut(17, "a" * 64, "b" * 64, "c" * 64)
"""A kind too, but not one that can be committed with any values: see `test_trimming`."""

BUNDLES = tuple(
    Bundle(id_, f"chain {id_}\n", Secret(f"key {id_}\n"))
    for id_ in (CERTIFICATE.facts.bundle, "ord-5/key", "account/1")
)

Reopen = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Reopen:
    """Return a function that opens the same store each time."""
    memory = MemoryStore()
    opened: list[SQLiteStore] = []

    def open_sqlite() -> Store:
        if opened:
            run(opened.pop().close())
        opened.append(
            SQLiteStore(tmp_path / "state.db", at_once, vault_beside(tmp_path / "state.db"))
        )
        return opened[0]

    return open_sqlite if request.param == "sqlite" else lambda: memory


@pytest.fixture
def store(reopen: Reopen) -> Store:
    """Return a loaded, empty store."""
    store = reopen()
    assert run(store.load()) == Loaded(0, ())
    return store


def change(revision: int, *writes: Write, subjects: tuple[str, ...] = ()) -> Change:
    """Return a change with every field that a change can have."""
    return Change(
        revision,
        1234.5 + revision,
        read_who({"uid": 1000, "pid": 4711, "command": "pytest"}),
        {"command": "switch", "groups": ["shop"], "dry_run": False, "reason": "Wärme \N{SNOWMAN}"},
        ({"kind": "group", "name": "shop", "fields": {"active": ["primary", "backup"]}},),
        subjects,
        writes,
    )


def test_committed_entities_are_loaded_again(store: Store, reopen: Reopen) -> None:
    """Entities of every kind are loaded unchanged, in order of creation."""
    run(store.commit(0, [change(1, *(Write(None, entity) for entity in EVERY_KIND))], (), BUNDLES))
    assert run(reopen().load()) == Loaded(1, EVERY_KIND)


def test_the_last_use_of_a_token_is_kept_and_is_no_change(store: Store, reopen: Reopen) -> None:
    """The newest counts; it goes with its token, and one of a token that is gone is not kept."""
    first, second = EVERY_KIND[-2:]
    assert isinstance(first, Token)
    assert isinstance(second, Token)
    assert run(store.uses()) == ()
    run(store.commit(0, [change(1, Write(None, first), Write(None, second))]))
    old, new, other = (
        TokenUse(first.id, 2000.0, "192.0.2.1"),
        TokenUse(first.id, 2060.5, "2001:db8::1"),
        TokenUse(second.id, 2061.0, "192.0.2.2"),
    )
    run(store.save_uses((old,)))
    run(store.save_uses((new, other, TokenUse("gone", 2062.0, "192.0.2.3"))))
    again = reopen()
    assert run(again.load()).revision == 1
    assert set(run(again.uses())) == {new, other}
    assert run(again.verify()).revision == 1
    run(again.commit(1, [change(2, Write(first, None))]))
    run(again.save_uses(()))
    assert run(again.uses()) == (other,)


def test_a_changed_entity_keeps_its_place_in_the_order_of_creation(
    store: Store, reopen: Reopen
) -> None:
    """A deleted entity is not loaded."""
    renamed = replace(APPLICATION, name="sky")
    run(store.commit(0, [change(1, *(Write(None, entity) for entity in EVERY_KIND))], (), BUNDLES))
    run(store.commit(1, [change(2, Write(APPLICATION, renamed), Write(GROUP, None))]))
    assert run(reopen().load()) == Loaded(2, (renamed, *EVERY_KIND[2:]))


def test_a_commit_on_another_revision_is_a_conflict(store: Store, reopen: Reopen) -> None:
    """If two writers commit to the same revision, one succeeds and the other changes nothing."""
    run(store.commit(0, [change(1, Write(None, APPLICATION))]))
    with pytest.raises(Conflict):
        run(store.commit(0, [change(1, Write(None, GROUP))]))
    with pytest.raises(Conflict):
        run(store.commit(2, [change(3, Write(None, GROUP))]))
    assert run(reopen().load()) == Loaded(1, (APPLICATION,))


def test_many_changes_share_a_commit(store: Store, reopen: Reopen) -> None:
    """Each change has its own revision; a later one may change entities of an earlier one."""
    renamed = replace(APPLICATION, name="sky")
    both = [change(1, Write(None, APPLICATION)), change(2, Write(APPLICATION, renamed))]
    run(store.commit(0, both))
    assert run(reopen().load()) == Loaded(2, (renamed,))


def test_a_change_may_write_nothing(store: Store, reopen: Reopen) -> None:
    """Such a change has a revision of its own."""
    run(store.commit(0, [change(1)]))
    assert run(reopen().load()) == Loaded(1, ())


def test_an_operation_is_found_by_its_id(store: Store, reopen: Reopen) -> None:
    """So a retry gets the first reply, after a restart too, and for a command without a change."""
    first = Operation("a", '{"command":"switch"}', 1, {"groups": [{"name": "shop"}]})
    second = Operation("b", "{}", 1, {})
    run(store.commit(0, [change(1)], [first]))
    run(store.commit(1, [], [second]))
    again = reopen()
    assert run(again.load()).revision == 1
    assert run(again.operation("a", EVERYBODY)) == first
    assert run(again.operation("b", EVERYBODY)) == second
    assert run(again.operation("c", EVERYBODY)) is None


def test_an_operation_belongs_to_its_principal(store: Store, reopen: Reopen) -> None:
    """Two principals that choose the same id mean two commands; in version 0.1.0 they meant one."""
    ours, theirs = (Operation("a", "{}", 1, {"who": who}, 0.0, who) for who in ("unix:1", "unix:2"))
    run(store.commit(0, [change(1)], [ours]))
    run(store.commit(1, [], [theirs, Operation("old", "{}", 1, {})]))
    again = reopen()
    assert run(again.load()).revision == 1
    assert run(again.operation("a", "unix:1")) == ours
    assert run(again.operation("a", "unix:2")) == theirs
    assert run(again.operation("a", "unix:3")) is None
    assert run(again.operation("old", "unix:3")) == Operation("old", "{}", 1, {})


def test_an_operation_is_forgotten_after_a_week(store: Store) -> None:
    """Not before, and with the commits that follow, some at a time."""
    day = 86400.0
    old = [Operation(f"old-{number}", "{}", 0, {}, 1000.0 + number) for number in range(30)]
    for each in old:
        run(store.commit(0, [], [each]))
    run(store.commit(0, [], [Operation("young", "{}", 0, {}, 1000.0 + 7 * day)]))
    assert run(store.operation("old-0", EVERYBODY)) == old[0]
    for number in range(10):
        later = Operation(f"later-{number}", "{}", 0, {}, 2000.0 + 7 * day + number)
        run(store.commit(0, [], [later]))
    assert [run(store.operation(each.op_id, EVERYBODY)) for each in old] == [None] * 30
    assert run(store.operation("young", EVERYBODY)) is not None
    assert run(store.operation("later-9", EVERYBODY)) is not None


def test_an_operation_that_is_needed_for_less_is_forgotten_earlier(store: Store) -> None:
    """Commits without a change count as well."""
    run(store.commit(0, [], [Operation("update", "{}", 0, {}, 1000.0, kept=900.0)]))
    run(store.commit(0, [], [Operation("soon", "{}", 0, {}, 1890.0, kept=900.0)]))
    assert run(store.operation("update", EVERYBODY)) is not None
    run(store.commit(0, [], [Operation("later", "{}", 0, {}, 1910.0, kept=900.0)]))
    assert run(store.operation("update", EVERYBODY)) is None
    assert run(store.operation("later", EVERYBODY)) is not None


def test_the_history_is_returned_newest_first(store: Store) -> None:
    """It can be limited to some subjects and to the latest changes."""
    first = change(1, Write(None, APPLICATION), subjects=("app-1",))
    second = change(2, Write(None, GROUP), subjects=("grp-2", "group:shop"))
    third = change(3, subjects=("app-1", "grp-2"))
    run(store.commit(0, [first]))
    run(store.commit(1, [second, third]))
    one, two, three = first.entry, second.entry, third.entry
    assert run(store.history(None, 10)) == (three, two, one)
    assert run(store.history(None, 2)) == (three, two)
    assert run(store.history(["app-1"], 10)) == (three, one)
    assert run(store.history(["group:shop", "app-1"], 10)) == (three, two, one)
    assert run(store.history(["nobody"], 10)) == ()


def test_changes_after_a_revision_are_returned_oldest_first(store: Store) -> None:
    """A ledger that is behind catches up in this way."""
    changes = [change(1, Write(None, APPLICATION)), change(2), change(3)]
    run(store.commit(0, changes))
    assert run(store.changes_after(0)) == tuple(changes)
    assert run(store.changes_after(2)) == (changes[2],)
    assert run(store.changes_after(3)) == ()


def test_entries_after_a_revision_are_returned_oldest_first(store: Store) -> None:
    """A hook that missed events reads the history in this way, a part at a time."""
    changes = [change(1, Write(None, APPLICATION)), change(2), change(3)]
    run(store.commit(0, changes))
    assert run(store.entries_after(0, 2)) == (changes[0].entry, changes[1].entry)
    assert run(store.entries_after(2, 9)) == (changes[2].entry,)
    assert run(store.entries_after(3, 9)) == ()


def test_changes_are_read_with_their_entities_before_and_after(store: Store) -> None:
    """Whatever the order: several writes of one entity, in one change and in several."""
    flag = Flag("office", True, 1234.5, "monday")
    renamed = [replace(APPLICATION, name=f"name-{number}") for number in range(4)]
    many = Application(
        "app-many",
        "many",
        None,
        tuple(
            Head(f"web{number}", HeadRole.WEB_SERVER, (ip_address(f"192.0.2.{number}"),))
            for number in range(100)
        ),
        None,
    )
    fewer = replace(many, heads=(*many.heads[50:], many.heads[3], *many.heads[10:40]))
    changes = [
        change(1, Write(None, APPLICATION), Write(None, flag), Write(None, many)),
        change(2, Write(APPLICATION, renamed[0]), Write(renamed[0], renamed[1])),
        change(3, Write(flag, replace(flag, on=False)), Write(many, fewer)),
        change(4, Write(renamed[1], renamed[2]), Write(replace(flag, on=False), None)),
        change(5, Write(None, flag), Write(fewer, many), Write(renamed[2], renamed[3])),
        change(6, Write(renamed[3], None), Write(many, fewer)),
    ]
    for expected, each in enumerate(changes):
        run(store.commit(expected, [each]))
    for revision in range(7):
        assert run(store.changes_after(revision)) == tuple(changes[revision:])


def test_watchers_are_notified_of_each_change_in_order(store: Store) -> None:
    """Watchers are not notified of earlier changes or of refused commits."""
    heard: list[Change] = []
    run(store.commit(0, [change(1)]))
    store.watch(heard.append)
    run(store.commit(1, [change(2), change(3)]))
    with pytest.raises(Conflict):
        run(store.commit(1, [change(2)]))
    assert [c.revision for c in heard] == [2, 3]


def test_a_bundle_is_kept_as_long_as_an_entity_needs_it(store: Store, reopen: Reopen) -> None:
    """A bundle that two applications share is deleted when neither needs it."""
    other = replace(CERTIFICATE, application="app-2", source="app-1")
    bundle = BUNDLES[0]
    run(store.commit(0, [change(1, Write(None, CERTIFICATE))], (), [bundle]))
    run(store.commit(1, [change(2, Write(None, other))]))
    run(store.commit(2, [change(3, Write(CERTIFICATE, None))]))
    store = reopen()
    run(store.load())
    assert run(store.bundle(bundle.id)) == bundle
    run(store.commit(3, [change(4, Write(other, None))]))
    assert run(store.bundle(bundle.id)) is None


def test_a_bundle_that_no_entity_needs_is_not_kept(store: Store) -> None:
    """It is not stored, or it is deleted when the entity no longer needs it."""
    run(store.commit(0, [change(1, Write(None, ORDER))], (), BUNDLES))
    assert run(store.bundle("account/1")) is None
    assert run(store.bundle("ord-5/key")) == BUNDLES[1]
    run(store.commit(1, [change(2, Write(ORDER, replace(ORDER, key=None)))]))
    assert run(store.bundle("ord-5/key")) is None


def test_a_refused_commit_stores_nothing_in_the_vault(store: Store) -> None:
    with pytest.raises(Conflict):
        run(store.commit(7, [change(8, Write(None, CERTIFICATE))], (), BUNDLES[:1]))
    assert run(store.bundle(BUNDLES[0].id)) is None


def test_private_keys_can_be_read_after_a_rotation_of_the_vault_key(
    store: Store, reopen: Reopen
) -> None:
    """They can also be read after a restart."""
    run(store.commit(0, [change(1, *(Write(None, e) for e in EVERY_KIND))], (), BUNDLES))
    assert run(store.rotate_key()) == len(BUNDLES)
    assert [run(store.bundle(bundle.id)) for bundle in BUNDLES] == list(BUNDLES)
    again = reopen()
    run(again.load())
    assert [run(again.bundle(bundle.id)) for bundle in BUNDLES] == list(BUNDLES)


def test_fetches_of_an_application_are_returned_newest_first(store: Store, reopen: Reopen) -> None:
    """They are also returned after a restart."""
    fetches = [
        Fetch(float(n), f"app-{n % 2}", "web1", "127.0.0.1", "f" * 64, "pem") for n in range(5)
    ]
    for fetch in fetches:
        run(store.record_fetch(fetch))
    again = reopen()
    run(again.load())
    assert run(again.fetches("app-0", 2)) == (fetches[4], fetches[2])
    assert run(again.fetches("app-1", 10)) == (fetches[3], fetches[1])


def test_old_fetches_are_deleted(store: Store) -> None:
    """A head that fetches all day does not fill the disk."""
    for number in range(MAX_FETCHES + 5):
        run(store.record_fetch(Fetch(float(number), "app-1", "web1", "::1", "f", "pem")))
    found = run(store.fetches("app-1", MAX_FETCHES + 10))
    assert len(found) == MAX_FETCHES
    assert found[0].time == MAX_FETCHES + 4


def test_the_progress_of_hooks_is_kept_over_a_restart(store: Store, reopen: Reopen) -> None:
    run(store.save_progress("a", HookProgress(1)))
    run(store.save_progress("a", HookProgress(7, 12.5, "role eu", "exit status 1", "what it said")))
    run(store.save_progress("b", HookProgress(3)))
    again = reopen()
    run(again.load())
    assert run(again.progress()) == {
        "a": HookProgress(7, 12.5, "role eu", "exit status 1", "what it said"),
        "b": HookProgress(3),
    }


def test_a_number_is_noted_by_its_name(store: Store, reopen: Reopen) -> None:
    """It is 0 before, and is kept over a restart; it takes no revision."""
    assert run(store.note("running")) == 0
    run(store.set_note("running", 1))
    run(store.set_note("other", 7))
    store = reopen()
    run(store.load())
    assert (run(store.note("running")), run(store.note("other"))) == (1, 7)
    run(store.set_note("running", 0))
    assert run(store.note("running")) == 0
    assert run(store.changes_after(0)) == ()
