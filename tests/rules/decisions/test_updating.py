"""Dynamic updates change what their key may change, as RFC 2136 has it, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dns.update
import pytest
import samples
from samples import (
    HOSTNAME,
    addresses,
    balancer,
    carry_out,
    eu,
    group,
    name,
    refusal,
    state,
    tombstone,
    us,
)
from updates import ACME, HEADS, KEY, SCOPES, command

from failoverdns.changes.state import State
from failoverdns.model.certificate import Challenge
from failoverdns.model.commands.server import Configure
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.model.records import Opaque, OwnedRRset
from failoverdns.model.zone import UpdateScope
from failoverdns.model.zone_update import NotUpdated
from failoverdns.rules.decisions.update_scopes import matches
from failoverdns.rules.derived.served_names import served_at

Write = Callable[[dns.update.UpdateMessage], Any]


def configured(owner: str, rtype: int = 16, data: bytes = b"\4text") -> OwnedRRset:
    return OwnedRRset(name(owner), rtype, 300, (Opaque(data),))


def shop(*records: OwnedRRset, **fields: Any) -> State:
    """Return the state with the group `shop`, a retired label, and a zone that may be updated."""
    zone = samples.zone(records=records, updates=SCOPES, **fields)
    return state(eu(), us(), group(), tombstone("old"), zones=[zone])


def at(view: State, owner: str) -> dict[int, tuple[int, list[bytes]]]:
    """Return TTL and data of the records of each type at a name below the zone."""
    (zone,) = view.zones
    found = served_at(view, zone, DomainName.from_text(owner, zone.origin))
    return {r.rtype: (r.ttl, [getattr(one, "data", one) for one in r.data]) for r in found}


def updated(*writes: Write, view: State | None = None, key: DomainName = KEY) -> State:
    """Carry out updates one after the other; return the state."""
    found = view if view is not None else shop()
    for write in writes:
        carry_out(found, command(write, key))
    return found


def refused(write: Write, view: State | None = None, key: DomainName = KEY) -> Rcode:
    """Return the rcode with which an update is refused, and check that nothing was changed."""
    fault = refusal(view if view is not None else shop(), command(write, key))
    assert isinstance(fault, NotUpdated), fault
    return fault.rcode


ADDRESS = bytes((192, 0, 2, 7))
OTHER = bytes((192, 0, 2, 8))


def add(owner: str, *record: Any) -> Write:
    return lambda update: update.add(owner, *(record or (60, "A", "192.0.2.7")))


def delete(owner: str, *record: Any) -> Write:
    return lambda update: update.delete(owner, *record)


def both(*writes: Write) -> Write:
    def write(update: dns.update.UpdateMessage) -> None:
        for one in writes:
            one(update)

    return write


ADD = add("www")
TWO = both(ADD, add("www", 60, "A", "192.0.2.8"))


def test_an_added_record_is_served() -> None:
    assert at(updated(ADD), "www") == {1: (60, [ADDRESS])}


def test_a_record_that_is_added_twice_is_there_once_and_changes_nothing() -> None:
    view = updated(ADD)
    revision = view.revision
    assert carry_out(view, command(ADD)) == {"zone": "failover.test", "changed": False}
    assert view.revision == revision


def test_an_added_record_gives_its_ttl_to_the_rrset() -> None:
    """RFC 2181 section 5.2: all records of an RRset have one TTL."""
    view = updated(ADD, add("www", 300, "A", "192.0.2.8"))
    assert at(view, "www") == {1: (300, [ADDRESS, OTHER])}


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (delete("www", "A", "192.0.2.7"), {1: (60, [OTHER])}),
        (delete("www", "A"), {}),
        (delete("www", "TXT"), {1: (60, [ADDRESS, OTHER])}),
        (delete("www", "A", "192.0.2.99"), {1: (60, [ADDRESS, OTHER])}),
        (delete("www"), {}),
        (both(delete("www", "A"), add("www", 9, "A", "192.0.2.7")), {1: (9, [ADDRESS])}),
        (both(add("www", 9, "A", "192.0.2.99"), delete("www")), {}),
    ],
)
def test_deletions_leave_what_they_do_not_name(write: Write, left: dict[int, Any]) -> None:
    assert at(updated(TWO, write), "www") == left


def test_names_in_data_are_compared_without_regard_to_case() -> None:
    view = updated(add("www", 60, "MX", "10 Mail.Failover.test."))
    view = updated(delete("www", "MX", "10 mail.failover.test."), view=view)
    assert at(view, "www") == {}


PREREQUISITES: list[tuple[str, Write, Rcode | None]] = [
    ("name in use", lambda u: u.present("www"), None),
    ("name in use", lambda u: u.present("nobody"), Rcode.NXDOMAIN),
    ("name not in use", lambda u: u.absent("nobody"), None),
    ("name not in use", lambda u: u.absent("www"), Rcode.YXDOMAIN),
    ("RRset exists", lambda u: u.present("www", "A"), None),
    ("RRset exists", lambda u: u.present("www", "TXT"), Rcode.NXRRSET),
    ("RRset absent", lambda u: u.absent("www", "TXT"), None),
    ("RRset absent", lambda u: u.absent("www", "A"), Rcode.YXRRSET),
    ("RRset is", lambda u: u.present("www", "A", "192.0.2.7"), Rcode.NXRRSET),
    ("RRset is", lambda u: u.present("www", "A", "192.0.2.7", "192.0.2.8"), None),
    ("RRset is", lambda u: u.present("www", "A", "192.0.2.8", "192.0.2.7"), None),
    ("RRset is", lambda u: u.present("www", "A", "192.0.2.9"), Rcode.NXRRSET),
    ("RRset is", lambda u: u.present("nobody", "A", "192.0.2.9"), Rcode.NXRRSET),
    ("a configured name", lambda u: u.present("ns1", "A", "192.0.2.53"), None),
    ("a group", lambda u: u.present(HOSTNAME.split(".", 1)[0], "A"), None),
    ("a group", lambda u: u.absent(HOSTNAME.split(".", 1)[0]), Rcode.YXDOMAIN),
    ("a side", lambda u: u.present(f"backup.{HOSTNAME}.", "A", "198.51.100.1"), None),
    ("a status", lambda u: u.present("_status.eu", "TXT", "online"), None),
    ("an origin", lambda u: u.present("@", "SOA"), None),
    (
        "a serial",
        lambda u: u.present("@", "SOA", "ns1 hostmaster.failover.test. 110 14400 3600 1209600 60"),
        Rcode.NXRRSET,
    ),
    ("outside", lambda u: u.present("www.example.net."), Rcode.NOTZONE),
    ("the first fails", lambda u: (u.present("no"), u.absent("www")), Rcode.NXDOMAIN),
    ("a head that the key may not set", lambda u: u.present("lb1._heads.docs"), Rcode.NXDOMAIN),
]


@pytest.mark.parametrize(("what", "write", "rcode"), PREREQUISITES)
def test_prerequisites_hold_or_nothing_is_done(
    what: str, write: Write, rcode: Rcode | None
) -> None:
    """RFC 2136 section 3.2: of what is served, whatever it comes from."""
    view, whole = updated(TWO), both(write, add("more"))
    if rcode is not None:
        assert refused(whole, view) is rcode
        return
    assert at(updated(whole, view=view), "more") == {1: (60, [ADDRESS])}


@pytest.mark.parametrize(
    ("write", "rcode"),
    [
        pytest.param(add("www.example.net."), Rcode.NOTZONE, id="outside"),
        pytest.param(delete("www.example.net."), Rcode.NOTZONE, id="deletion outside"),
        pytest.param(add(f"{HOSTNAME}."), Rcode.REFUSED, id="a group"),
        pytest.param(delete(f"{HOSTNAME}."), Rcode.REFUSED, id="deletion of a group"),
        pytest.param(delete(f"{HOSTNAME}.", "TXT"), Rcode.REFUSED, id="deletion at a group"),
        pytest.param(add(f"primary.{HOSTNAME}."), Rcode.REFUSED, id="a side"),
        pytest.param(add("old"), Rcode.REFUSED, id="a retired label"),
        pytest.param(add("_status.eu", 60, "TXT", "online"), Rcode.REFUSED, id="a status"),
        pytest.param(add("lb1._heads.docs"), Rcode.REFUSED, id="a head without a scope"),
        pytest.param(add("_heads.eu"), Rcode.REFUSED, id="above heads"),
        pytest.param(add("ns1"), Rcode.REFUSED, id="an address of a name server"),
        pytest.param(delete("ns1"), Rcode.REFUSED, id="deletion of a name server's address"),
        pytest.param(add("@", 60, "NS", "ns9"), Rcode.REFUSED, id="a name server"),
        pytest.param(add("@", 60, "CNAME", "www"), None, id="a CNAME beside SOA is ignored"),
        pytest.param(add("x", 60, "NSEC", "y A"), Rcode.REFUSED, id="NSEC"),
        pytest.param(add("x", 60, "TYPE65350", r"\# 0"), Rcode.REFUSED, id="a marker"),
        pytest.param(both(add("x"), add(f"{HOSTNAME}.")), Rcode.REFUSED, id="one of two"),
    ],
)
def test_an_update_that_may_not_be_is_refused_as_a_whole(write: Write, rcode: Rcode | None) -> None:
    if rcode is None:
        assert carry_out(shop(), command(write))["changed"] is False
    else:
        assert refused(write) is rcode


def test_a_zone_that_is_not_here_is_not_updated() -> None:
    fault = refusal(shop(), command(ADD, zone="example.net"))
    assert isinstance(fault, NotUpdated)
    assert fault.rcode is Rcode.NOTAUTH


def test_a_key_without_scopes_updates_nothing_and_learns_nothing() -> None:
    key = name("other.failover.test")
    assert refused(ADD, key=key) is Rcode.REFUSED
    assert refused(lambda update: update.present("nobody"), key=key) is Rcode.REFUSED


CHALLENGE = add("_acme-challenge.www", 60, "TXT", "token")


@pytest.mark.parametrize(
    ("write", "is_done"),
    [
        (CHALLENGE, True),
        (add("_acme-challenge", 60, "TXT", "token"), True),
        (add("_ACME-Challenge.WWW", 60, "TXT", "token"), True),
        (add("_acme-challenge.a.b.c", 60, "TXT", "token"), True),
        (delete("_acme-challenge.www", "TXT"), True),
        (delete("_acme-challenge.www"), True),
        (add("_acme-challenge.www", 60, "A", "192.0.2.7"), False),
        (delete("_acme-challenge.www", "A"), False),
        (add("www", 60, "TXT", "token"), False),
        (add("x_acme-challenge", 60, "TXT", "token"), False),
        (both(CHALLENGE, add("www", 60, "TXT", "token")), False),
    ],
)
def test_a_key_changes_only_names_and_types_of_its_scopes(write: Write, is_done: bool) -> None:
    if is_done:
        carry_out(shop(), command(write, ACME))
    else:
        assert refused(write, key=ACME) is Rcode.REFUSED


def test_a_name_is_deleted_only_by_a_key_that_may_change_every_type_there() -> None:
    view = updated(CHALLENGE, key=ACME)
    view = updated(add("_acme-challenge.www"), view=view)
    assert refused(delete("_acme-challenge.www"), view, ACME) is Rcode.REFUSED
    updated(delete("_acme-challenge.www", "A"), view=view)
    view = updated(delete("_acme-challenge.www"), view=view, key=ACME)
    assert at(view, "_acme-challenge.www") == {}


def test_a_challenge_stands_beside_that_of_the_server_and_takes_nothing_from_it() -> None:
    """lego deletes the whole RRset before it adds its value."""
    owner = f"_acme-challenge.{HOSTNAME}"
    order = samples.order("app-eu", HOSTNAME)
    order = replace(order, challenges=(Challenge(name(owner), "ours"),))
    zone = samples.zone(updates=SCOPES)
    view = state(eu(), us(), group(), order, zones=[zone])

    def values() -> int:
        return len(at(view, owner + ".")[16][1])

    assert values() == 1
    theirs = both(delete(owner + ".", "TXT"), add(owner + ".", 60, "TXT", "theirs"))
    updated(theirs, view=view, key=ACME)
    assert values() == 2
    updated(delete(owner + ".", "TXT"), view=view, key=ACME)
    assert values() == 1


def test_a_cname_record_does_not_take_the_place_of_the_challenge_of_the_server() -> None:
    """An alias of its own is fine there, but not while a CA looks for the answer."""
    owner = f"_acme-challenge.{HOSTNAME}"
    elsewhere = add(owner + ".", 60, "CNAME", "validated.example.")
    assert set(at(updated(elsewhere), owner + ".")) == {5}
    order = samples.order("app-eu", HOSTNAME)
    order = replace(order, challenges=(Challenge(name(owner), "ours"),))
    view = state(eu(), us(), group(), order, zones=[samples.zone(updates=SCOPES)])
    assert set(at(updated(elsewhere, view=view), owner + ".")) == {16}


IGNORED: list[tuple[str, Write, Write]] = [
    ("a CNAME beside others", ADD, add("www", 60, "CNAME", "x")),
    ("others beside a CNAME", add("www", 60, "CNAME", "x"), ADD),
    ("the only NS record", ADD, delete("@", "NS", "ns1")),
    ("all NS records", ADD, delete("@", "NS")),
    ("an NS record that is not there", ADD, delete("@", "NS", "ns9")),
    ("the SOA record", ADD, delete("@", "SOA")),
    ("an older SOA record", ADD, add("@", 60, "SOA", "ns1 x 1 2 3 4 5")),
    ("a second SOA record", ADD, add("www", 60, "SOA", "ns1 x 1 2 3 4 5")),
    ("a CNAME record where the configuration has records", ADD, add("ns1", 60, "CNAME", "x")),
]


@pytest.mark.parametrize(("what", "before", "write"), IGNORED)
def test_what_the_rfc_ignores_is_ignored_and_the_rest_is_done(
    what: str, before: Write, write: Write
) -> None:
    """RFC 2136 sections 3.4.2.2 to 3.4.2.4."""
    view = updated(before)
    was = {owner: at(view, owner) for owner in ("www", "@", "ns1")}
    updated(both(write, add("more")), view=view)
    now = {owner: at(view, owner) for owner in ("www", "@", "ns1")}
    was["@"].pop(6)
    now["@"].pop(6)
    assert now == was
    assert at(view, "more")


def test_a_cname_record_replaces_another() -> None:
    view = updated(add("www", 60, "CNAME", "x"), add("www", 60, "CNAME", "y"))
    assert at(view, "www") == {5: (60, [b"\1y\10failover\4test\0"])}


def test_a_cname_record_takes_the_place_of_others_that_are_deleted_before() -> None:
    view = updated(TWO, both(delete("www"), add("www", 60, "CNAME", "y")))
    assert set(at(view, "www")) == {5}


def test_records_of_the_configuration_are_not_updated() -> None:
    view = shop(configured("www.failover.test"))
    assert refused(add("www", 60, "TXT", "new"), view) is Rcode.REFUSED
    assert refused(delete("www", "TXT"), view) is Rcode.REFUSED
    assert refused(delete("www", "TXT", "text"), view) is Rcode.REFUSED
    assert refused(delete("www"), view) is Rcode.REFUSED
    assert set(at(updated(ADD, view=view), "www")) == {1, 16}


def test_a_cname_record_that_the_configuration_hides_lets_nothing_be_ignored() -> None:
    """The client sees no CNAME record, so it would take NOERROR for done."""
    view = updated(add("www", 60, "CNAME", "x"))
    zone = samples.zone(records=(configured("www.failover.test"),), updates=SCOPES)
    carry_out(view, Configure((zone,)))
    assert set(at(view, "www")) == {16}
    assert refused(ADD, view) is Rcode.REFUSED
    assert set(at(updated(both(delete("www", "CNAME"), ADD), view=view), "www")) == {1, 16}


def test_the_origin_gets_other_records_beside_a_group() -> None:
    zone = samples.zone(updates=SCOPES)
    view = state(eu(), us(), group(label="@"), zones=[zone])
    assert refused(add("@"), view) is Rcode.REFUSED
    assert refused(add("primary"), view) is Rcode.REFUSED
    assert 15 in at(updated(add("@", 60, "MX", "10 mail"), view=view), "@")


def heads(view: State) -> dict[str, list[str]]:
    application = view.application_named("eu")
    assert application is not None
    return {head.name: [str(a) for a in head.addresses] for head in application.heads}


def with_heads() -> State:
    heads = balancer("lb1", "192.0.2.1"), balancer("lb2", hostname="lb.example")
    application = samples.application("eu", *heads, active="lb1")
    return state(application, us(), group(), zones=[samples.zone(updates=SCOPES)])


HEAD = "lb1._heads.eu"
REPLACED = both(delete(HEAD, "A"), add(HEAD, 60, "A", "192.0.2.7"))


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (REPLACED, ["192.0.2.7"]),
        (both(delete(HEAD), add(HEAD, 60, "AAAA", "2001:db8::1")), ["2001:db8::1"]),
        (add(HEAD, 60, "A", "192.0.2.7"), ["192.0.2.1", "192.0.2.7"]),
        (add(HEAD, 60, "A", "192.0.2.1"), ["192.0.2.1"]),
        (
            both(add(HEAD, 60, "A", "192.0.2.7"), delete(HEAD, "A", "192.0.2.1")),
            ["192.0.2.7"],
        ),
        (both(delete("LB1._Heads.EU", "A"), add(HEAD)), ["192.0.2.7"]),
        (delete(HEAD, "AAAA"), ["192.0.2.1"]),
        (delete(HEAD, "A", "192.0.2.99"), ["192.0.2.1"]),
    ],
)
def test_an_update_sets_the_addresses_of_a_head(write: Write, expected: list[str]) -> None:
    view = updated(write, view=with_heads(), key=HEADS)
    assert heads(view)["lb1"] == expected
    assert at(view, HEAD) == {}


def test_addresses_take_the_place_of_a_hostname() -> None:
    view = updated(add("lb2._heads.eu"), view=with_heads(), key=HEADS)
    assert heads(view)["lb2"] == ["192.0.2.7"]


def test_an_update_sets_several_heads_in_one_step() -> None:
    view = with_heads()
    revision = view.revision
    updated(both(REPLACED, add("lb2._heads.eu", 60, "A", "192.0.2.8")), view=view, key=HEADS)
    assert heads(view) == {"lb1": ["192.0.2.7"], "lb2": ["192.0.2.8"]}
    assert view.revision == revision + 1


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(delete(HEAD, "A"), id="no address left"),
        pytest.param(delete(HEAD), id="nothing left"),
        pytest.param(both(add(HEAD), delete(HEAD)), id="added and deleted"),
        pytest.param(add("nobody._heads.eu"), id="no such head"),
        pytest.param(add("lb1._heads.us"), id="an application that is not in the scope"),
        pytest.param(add(HEAD, 60, "TXT", "text"), id="another type"),
        pytest.param(add("a.lb1._heads.eu"), id="below a head"),
        pytest.param(both(REPLACED, ADD), id="a name beside, which the key may not change"),
        pytest.param(both(REPLACED, add("nobody._heads.eu")), id="one of two"),
    ],
)
def test_an_update_of_heads_that_may_not_be_is_refused(write: Write) -> None:
    view = with_heads()
    assert refused(write, view, HEADS) is Rcode.REFUSED
    assert heads(view)["lb1"] == ["192.0.2.1"]


def test_prerequisites_on_a_head_are_about_its_addresses() -> None:
    view = with_heads()
    present = both(lambda update: update.present(HEAD, "A", "192.0.2.1"), REPLACED)
    updated(present, view=view, key=HEADS)
    assert refused(present, view, HEADS) is Rcode.NXRRSET


def test_a_key_learns_nothing_of_heads_beyond_its_scopes() -> None:
    view = with_heads()
    assert refused(lambda update: update.present(HEAD), view, ACME) is Rcode.NXDOMAIN
    assert refused(lambda update: update.present(HEAD, "A"), view, ACME) is Rcode.NXRRSET


def test_a_hostname_template_does_not_take_the_place_of_addresses_that_are_deleted() -> None:
    application = eu(hostname_template="{head}.example")
    view = state(application, us(), group(), zones=[samples.zone(updates=SCOPES)])
    assert refused(delete(HEAD), view, HEADS) is Rcode.REFUSED


def test_scopes_of_one_key_add_up() -> None:
    scopes = (
        UpdateScope(KEY, ("a",), frozenset({1})),
        UpdateScope(KEY, ("a", "b"), frozenset({16})),
    )
    view = state(zones=[samples.zone(updates=scopes)])
    updated(both(add("a"), add("a", 60, "TXT", "x"), add("b", 60, "TXT", "x")), view=view)
    updated(delete("a"), view=view)
    assert refused(add("b"), view) is Rcode.REFUSED


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("*", "a.b", True),
        ("*", "@", True),
        ("@", "@", True),
        ("@", "a", False),
        ("www", "www", True),
        ("www", "wwww", False),
        ("*.k8s", "a.b.k8s", True),
        ("*.k8s", "k8s", False),
        ("a*", "a", True),
        ("a*b", "ab", True),
        ("a*a", "a", False),
        ("a*b*c", "a.b.c", True),
        ("a*b*c", "a.c", False),
        ("**", "", True),
        ("a?", "ab", False),
        ("a*bc*c", "abc", False),
    ],
)
def test_a_star_matches_any_characters(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


def test_a_dot_in_a_label_is_not_one_between_labels() -> None:
    view = state(zones=[samples.zone(updates=(UpdateScope(KEY, ("*.dev",), frozenset({1})),))])
    assert refused(add(r"a\.dev"), view) is Rcode.REFUSED
    assert at(updated(add(r"a\.b.dev"), view=view), r"a\.b.dev")


def test_records_below_a_delegation_are_deleted_one_by_one() -> None:
    view = updated(both(add("x.cut"), add("x.cut", 60, "A", "192.0.2.8")))
    view = updated(add("cut", 60, "NS", "ns.example."), view=view)
    updated(delete("x.cut", "A", "192.0.2.7"), view=view)
    assert at(view, "x.cut") == {1: (60, [OTHER])}
    assert refused(add("x.cut", 60, "A", "192.0.2.9"), view) is Rcode.REFUSED


def test_addresses_are_those_of_the_samples() -> None:
    assert addresses("192.0.2.7")[0].packed == ADDRESS
