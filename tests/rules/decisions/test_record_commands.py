"""`record add` and `record remove`: what they store, refuse, reply and warn of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import samples
from samples import carry_out, changed_by, name, refusal, state

from failoverdns.changes.state import State
from failoverdns.control.language.requests import read_request
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.records import MARKER, NS, TXT, A, Opaque, OwnedRRset, RRset
from failoverdns.model.stored_records import MAX_STORED, StoredRecords

ZONE = name("failover.test")


def command(text: str) -> Mutation:
    """Return the command that a line of words makes; raises Rejected."""
    found = read_request(text.encode()).command
    assert isinstance(found, Mutation)
    return found


def do(view: State, text: str) -> dict[str, Any]:
    """Carry out a command in words."""
    return carry_out(view, command(text))


def refused(view: State, text: str) -> Rejected:
    """Return why a command in words is refused, whether it is read or decided."""
    try:
        return refusal(view, command(text))
    except Exception as fault:
        if isinstance(found := getattr(fault, "refusal", None), Rejected):
            return found
        raise


def record(owner: str, rtype: int, data: bytes, ttl: int = 60) -> OwnedRRset:
    """Return a static record at a name relative to the zone."""
    return OwnedRRset(DomainName.from_text(owner, ZONE), rtype, ttl, (Opaque(data),))


def shop() -> State:
    """Return a state with a group, a removed group, and two applications."""
    return state(samples.eu(), samples.us(), samples.group(label="shop"), samples.tombstone("gone"))


def test_several_records_are_stored_in_one_change() -> None:
    view = state()
    before = view.revision
    reply = do(
        view,
        "record add failover.test 'www 300 IN A 192.0.2.80' 'www A 192.0.2.81' '@ MX 10 Mail' "
        "'_dmarc TXT \"v=DMARC1; p=none\"'",
    )
    assert view.revision == before + 1
    assert reply == {
        "zone": "failover.test",
        "changed": True,
        "removed": [],
        "records": [
            {
                "zone": "failover.test",
                "name": owner,
                "type": rtype,
                "ttl": ttl,
                "data": data,
                "hidden": None,
            }
            for owner, rtype, ttl, data in (
                ("www.failover.test", "A", 300, ["192.0.2.80", "192.0.2.81"]),
                ("failover.test", "MX", 60, ["10 mail.failover.test."]),
                ("_dmarc.failover.test", "TXT", 60, ['"v=DMARC1; p=none"']),
            )
        ],
    }


def test_what_is_stored_already_changes_nothing() -> None:
    view = state()
    do(view, "record add failover.test 'www 300 A 192.0.2.80' 'www 300 A 192.0.2.81'")
    before = view.revision
    reply = do(view, "record add failover.test 'WWW A 192.0.2.81' 'www A 192.0.2.81'")
    assert not reply["changed"]
    assert view.revision == before


def test_a_dry_run_replies_the_same_and_changes_nothing() -> None:
    view = state()
    reply = do(view, "record add failover.test 'www A 192.0.2.80' --dry-run")
    assert (reply["dry_run"], reply["changed"]) == (True, True)
    assert reply["records"][0]["data"] == ["192.0.2.80"]
    assert view.stored_count(ZONE) == 0


def test_the_history_says_which_records_came_and_went() -> None:
    add = "record add failover.test 'www 300 A 192.0.2.80' 'www 300 TXT a'"
    more = "record add failover.test 'www 300 A 192.0.2.81'"
    remove = "record remove failover.test www TXT"
    view = state()
    assert changed_by(view, command(add)) == [
        {
            "kind": "records",
            "name": "www.failover.test",
            "done": "created",
            "fields": {"A 192.0.2.80": [None, 300], 'TXT "a"': [None, 300]},
        }
    ]
    (part,) = changed_by(view, command(more))
    assert part["fields"] == {"A 192.0.2.81": [None, 300]}
    (part,) = changed_by(view, command(remove))
    assert (part["done"], part["fields"]) == ("changed", {'TXT "a"': [300, None]})
    (part,) = changed_by(view, command("record add failover.test 'www 60 A 192.0.2.81'"))
    assert part["fields"] == {"A 192.0.2.80": [300, 60], "A 192.0.2.81": [300, 60]}


@pytest.mark.parametrize(
    ("removed", "left"),
    [
        ("www", []),
        ("www.failover.test.", []),
        ("www A", ["TXT"]),
        ("www a 192.0.2.80", ["A", "TXT"]),
        ("www TXT a", ["A"]),
    ],
)
def test_records_are_removed_by_name_type_or_data(removed: str, left: list[str]) -> None:
    view = state()
    do(view, "record add failover.test 'www A 192.0.2.80' 'www A 192.0.2.81' 'www TXT a'")
    reply = do(view, f"record remove failover.test {removed}")
    assert [rrset["type"] for rrset in reply["records"]] == left
    assert reply["removed"]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("other.example 'www A 192.0.2.1'", "not-found", "no zone 'other.example'"),
        ("failover.test 'shop A 192.0.2.1'", "exists", "belongs to group 'shop'"),
        ("failover.test 'gone A 192.0.2.1'", "exists", "is retired"),
        ("failover.test 'lb1._heads.eu A 192.0.2.1'", "exists", "use `head set`"),
        ("failover.test '_status.eu TXT online'", "invalid", "names that begin with _status"),
        ("failover.test 'www.other.example. A 192.0.2.1'", "invalid", "is outside the zone"),
        ("failover.test '@ NS ns.example.'", "invalid", "are `nameservers` in the configuration"),
        ("failover.test '@ SOA a. b. 1 2 3 4 5'", "invalid", "the server makes the SOA record"),
        ("failover.test '@ CNAME a.example.'", "invalid", "a CNAME is not allowed at the zone's"),
        ("failover.test 'www RRSIG x'", "invalid", "are made by signing"),
        ("failover.test 'www DNAME a.example.'", "invalid", "DNAME is not supported"),
        ("failover.test 'www ANY x'", "invalid", "is for messages only"),
        ("failover.test '*.x NS a.example.'", "invalid", "a wildcard cannot be delegated"),
        ("failover.test 'www CNAME a.example.' 'www TXT a'", "invalid", "a CNAME must be alone"),
        ("failover.test 'w CNAME a.' 'w CNAME b.'", "invalid", "can have only one CNAME"),
        ("failover.test 'w 60 A 192.0.2.1' 'w 30 A 192.0.2.2'", "invalid", "the TTLs 60 and 30"),
        ("failover.test 'sub NS ns.sub' 'a.sub TXT a'", "invalid", "is below sub.failover.test"),
        ("failover.test 'sub NS ns.x.' 'sub TXT a'", "invalid", "is at sub.failover.test, which"),
        ("failover.test 'www A 192.0.2.300'", "invalid", "192.0.2.300"),
        ("failover.test www A 192.0.2.1", "invalid", "put each record in quotes"),
        ("failover.test 'www 9999999999 A 192.0.2.1'", "invalid", "is not a TTL"),
        (f"failover.test 'www TYPE{MARKER} \\# 0'", "invalid", "only the server makes it"),
        ("failover.test 'www CNAME x.' --if-revision 9", "conflict", "something changed since"),
        ("failover.test 'www CNAME x.' --if-revision 99", "conflict", "is not reached yet"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_a_reason(text: str, code: str, message: str) -> None:
    view = shop()
    found = refused(view, f"record add {text}")
    assert (found.code, message in found.message) == (code, True), found.message
    assert view.stored_count(ZONE) == 0


def test_every_record_that_cannot_be_read_is_explained() -> None:
    found = refused(state(), "record add failover.test 'www A x' 'ok A 192.0.2.1' 'b MX'")
    assert "'www A x'" in found.message
    assert "'b MX'" in found.message
    assert "ok" not in found.message


def test_a_command_has_at_most_five_hundred_records() -> None:
    many = " ".join(f"h{n}" for n in range(501))
    assert "a command has at most 500" in refused(state(), f"record add z {many}").message


def test_a_cname_does_not_take_the_place_of_another_one() -> None:
    view = state()
    do(view, "record add failover.test 'www CNAME a.example.'")
    found = refused(view, "record add failover.test 'www CNAME b.example.'")
    assert found.code == "exists"
    assert "record remove failover.test www.failover.test. CNAME" in found.message
    do(view, "record remove failover.test www.failover.test. CNAME")
    do(view, "record add failover.test 'www CNAME b.example.'")


def test_glue_and_ds_are_stored_with_a_delegation() -> None:
    reply = do(
        state(),
        "record add failover.test 'sub NS ns.sub' 'ns.sub A 192.0.2.9' 'sub DS 1 13 2 "
        f"{'ab' * 32}'",
    )
    assert reply["changed"]
    assert "warnings" not in reply


def test_a_zone_has_a_limit_of_stored_records() -> None:
    texts = tuple(Opaque(b"\4%04d" % n) for n in range(MAX_STORED))
    rrsets = tuple(RRset(TXT, 60, texts[at : at + 2000]) for at in range(0, MAX_STORED, 2000))
    stored = (
        StoredRecords(ZONE, DomainName.from_text(f"h{n}", ZONE), (rrset,))
        for n, rrset in enumerate(rrsets)
    )
    view = state(*stored)
    assert view.stored_count(ZONE) == MAX_STORED
    found = refused(view, "record add failover.test 'www TXT a'")
    assert "would have 10001 stored records; at most 10000 are allowed" in found.message
    do(view, "record remove failover.test h0")
    do(view, "record add failover.test 'www TXT a'")


def test_an_rrset_must_fit_into_a_message() -> None:
    stored = StoredRecords(
        ZONE,
        DomainName.from_text("big", ZONE),
        (RRset(TXT, 60, tuple(Opaque(b"\xf0" + b"%03d" % n * 80) for n in range(240))),),
    )
    more = " ".join(f"'big TXT {'x' * 200}{n}'" for n in range(20))
    found = refused(state(stored), f"record add failover.test {more}")
    assert "the TXT records of big.failover.test do not fit into one DNS message" in found.message


def test_a_cname_must_not_lead_a_target_back_to_its_group() -> None:
    looped = samples.application("eu", samples.balancer("lb1", hostname="www.failover.test"))
    view = state(replace(looped, active="lb1"), samples.group(label="shop", backup=None))
    found = refused(view, "record add failover.test 'www CNAME shop'")
    assert found.code == "in-use"
    assert "hostname www.failover.test leads back to group 'shop'" in found.message
    do(view, "record add failover.test 'www CNAME elsewhere.example.'")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("failover.test www", "www.failover.test has no stored record; `record list failover"),
        ("failover.test is", "is.failover.test has no stored record; what the configuration has"),
        ("failover.test there MX", "has no stored record of type MX; it has A 192.0.2.1"),
        ("failover.test there A 192.0.2.9", "of type A with this data; it has A 192.0.2.1"),
        ("other.example www", "no zone 'other.example'"),
        ("failover.test www.other.example.", "is outside the zone failover.test"),
    ],
)
def test_what_is_not_stored_cannot_be_removed(text: str, message: str) -> None:
    view = state(zones=[samples.zone(records=(record("is", TXT, b"\1x"),))])
    do(view, "record add failover.test 'there A 192.0.2.1'")
    found = refused(view, f"record remove {text}")
    assert (found.code, message in found.message) == ("not-found", True), found.message


@pytest.mark.parametrize(
    ("configured", "text", "warning"),
    [
        ([("www", A, b"\xc0\0\2\1")], "'www A 192.0.2.2'", "are stored and not served"),
        ([], "'there 30 A 192.0.2.2'", "have the TTL 30 now, and had 60"),
        ([("a.sub", TXT, b"\1x")], "'sub NS ns.x.'", "the TXT records of a.sub.failover.test are"),
        ([], "'sub NS ns.sub'", "nobody can find the servers of sub.failover.test: ns.sub"),
        ([("*", TXT, b"\1x")], "'_dmarc.www TXT a'", "no wildcard answers at www.failover.test"),
        ([], "'a CNAME b' 'b CNAME a'", "this CNAME leads back to itself"),
        ([], "'a CNAME x.y.failover.test'", "is the dot at its end missing?"),
        ([], "'www.failover.test A 192.0.2.1'", "has that of the zone in it twice: is the dot"),
        ([], "'a MX 10 192.0.2.1'", "is an address where the name of a host belongs"),
        ([], "'k TXT v=DKIM1; p=x'", "a semicolon outside quotes begins a comment"),
    ],
)
def test_what_is_unusual_is_warned_of(
    configured: list[tuple[str, int, bytes]], text: str, warning: str
) -> None:
    zone = samples.zone(records=tuple(record(*each) for each in configured))
    view = state(zones=[zone])
    do(view, "record add failover.test 'there 60 A 192.0.2.1'")
    reply = do(view, f"record add failover.test {text}")
    assert any(warning in each for each in reply["warnings"]), reply["warnings"]


def test_a_removal_warns_of_targets_and_aliases_that_lead_to_nothing_then() -> None:
    target = samples.application("eu", samples.balancer("lb1", hostname="www.failover.test"))
    alias = samples.zone("alias.example", alias=name("www.failover.test"))
    view = state(
        replace(target, active="lb1"),
        samples.group(label="shop", backup=None),
        zones=[samples.zone(), alias],
    )
    assert "warnings" not in do(view, "record add failover.test 'www A 192.0.2.1'")
    warnings = do(view, "record remove failover.test www")["warnings"]
    assert "www.failover.test, the target of eu, leads to nothing" in warnings[0]
    assert "zone alias.example answers no address: its alias is www.failover.test" in warnings[1]


def test_ordinary_records_have_no_warnings() -> None:
    zone = samples.zone(records=(record("*", TXT, b"\1x"), record("sub", NS, b"\2ns\1x\0")))
    reply = do(
        state(zones=[zone]),
        "record add failover.test 'www A 192.0.2.1' 'a.www A 192.0.2.1' '@ TXT \"v=spf1 -all\"' "
        "'_sip._tcp SRV 1 2 3 www' 'mail MX 10 www'",
    )
    assert "warnings" not in reply


def test_stored_records_do_not_keep_a_configuration_from_being_loaded() -> None:
    """Whatever the configuration has at their names."""
    view = state()
    do(view, "record add failover.test 'a CNAME x.' 'b A 192.0.2.1' '@ A 192.0.2.1' 'c.d NS x.'")
    zone = samples.zone(
        records=(
            record("a", TXT, b"\1x"),
            record("b", 5, name("x.example").wire),
            record("d", NS, name("x.example").wire),
        ),
        alias=name("lb.example"),
    )
    assert carry_out(view, Configure((zone,)))["zones"] == ["failover.test"]
