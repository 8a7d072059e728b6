"""Edits of stored records are carried out in their order, and judged by what they leave."""

from __future__ import annotations

import pytest
import samples
from samples import name, state

from failoverdns.changes.state import State
from failoverdns.model.change import Write
from failoverdns.model.errors import Rejected
from failoverdns.model.records import CNAME, TXT, A, Opaque, RRset
from failoverdns.model.stored_records import StoredRecords
from failoverdns.rules.decisions.record_names import why_reserved
from failoverdns.rules.decisions.records import (
    AddRecords,
    DeleteName,
    DeleteRecords,
    DeleteRRset,
    Edit,
    Edited,
    changed_records,
)

ZONE, WWW = name("failover.test"), name("www.failover.test")
ONE, TWO = Opaque(b"\xc0\0\2\1"), Opaque(b"\xc0\0\2\2")
TEXT = RRset(TXT, 60, (Opaque(b"\1a"),))
TARGET, OTHER = Opaque(name("lb.example").wire), Opaque(name("lb2.example").wire)
STORED = StoredRecords(ZONE, WWW, (RRset(A, 300, (ONE, TWO)), TEXT))


@pytest.mark.parametrize(
    ("edits", "left"),
    [
        pytest.param([], STORED.rrsets, id="nothing"),
        pytest.param(
            [AddRecords(WWW, RRset(A, 60, (Opaque(b"\xc0\0\2\0"),)))],
            (RRset(A, 60, (Opaque(b"\xc0\0\2\0"), ONE, TWO)), TEXT),
            id="a record joins, and sets the TTL",
        ),
        pytest.param([AddRecords(WWW, RRset(A, 300, (TWO,)))], STORED.rrsets, id="it is there"),
        pytest.param(
            [DeleteRecords(WWW, A, (ONE, Opaque(b"none")))],
            (RRset(A, 300, (TWO,)), TEXT),
            id="one record",
        ),
        pytest.param([DeleteRecords(WWW, A, (ONE, TWO))], (TEXT,), id="each record of a type"),
        pytest.param([DeleteRRset(WWW, A)], (TEXT,), id="a type"),
        pytest.param([DeleteRRset(WWW, 15)], STORED.rrsets, id="a type that is not there"),
        pytest.param([DeleteName(WWW)], (), id="the name"),
        pytest.param(
            [DeleteName(WWW), AddRecords(WWW, RRset(CNAME, 60, (TARGET,)))],
            (RRset(CNAME, 60, (TARGET,)),),
            id="a CNAME in place of all",
        ),
        pytest.param(
            [
                AddRecords(WWW, RRset(CNAME, 60, (TARGET,))),
                DeleteRRset(WWW, A),
                DeleteRRset(WWW, TXT),
            ],
            (RRset(CNAME, 60, (TARGET,)),),
            id="the same in another order",
        ),
        pytest.param(
            [
                DeleteName(WWW),
                AddRecords(WWW, RRset(CNAME, 60, (TARGET,))),
                AddRecords(WWW, RRset(CNAME, 30, (OTHER,))),
            ],
            (RRset(CNAME, 30, (OTHER,)),),
            id="a CNAME replaces one",
        ),
    ],
)
def test_edits_leave_these_rrsets(edits: list[Edit], left: tuple[RRset, ...]) -> None:
    view = state(STORED)
    zone = view.zone(ZONE)
    assert zone is not None
    after = StoredRecords(ZONE, WWW, left) if left else None
    expected = (Write(STORED, after),) if after != STORED else ()
    assert changed_records(view, zone, edits) == expected


def test_edited_records_are_seen_before_they_are_judged() -> None:
    """A dynamic update asks what is there after the records before it."""
    view = state(STORED)
    edited = Edited(view, ZONE)
    edited.apply(DeleteRRset(WWW, TXT))
    assert edited.at(WWW) == (RRset(A, 300, (ONE, TWO)),)
    assert view.entity(StoredRecords, STORED.identity) == STORED


def test_a_name_has_one_cname_record() -> None:
    view = state()
    zone = view.zone(ZONE)
    assert zone is not None
    edit = AddRecords(WWW, RRset(CNAME, 60, (TARGET, OTHER)))
    with pytest.raises(Rejected, match=r"www\.failover\.test can have only one CNAME record"):
        changed_records(view, zone, [edit])


def test_several_reasons_are_given_at_once() -> None:
    view = state(samples.eu(), samples.group(label="shop", backup=None))
    zone = view.zone(ZONE)
    assert zone is not None
    edits = [
        AddRecords(name("shop.failover.test"), RRset(A, 60, (ONE,))),
        AddRecords(ZONE, RRset(CNAME, 60, (TARGET,))),
        AddRecords(WWW, RRset(A, 2**31, (ONE,))),
    ]
    with pytest.raises(Rejected) as refused:
        changed_records(view, zone, edits)
    assert refused.value.code == "invalid"
    for reason in ("belongs to group 'shop'", "CNAME is not allowed", "2147483648 is not a TTL"):
        assert reason in refused.value.message


@pytest.mark.parametrize(
    ("owner", "reason"),
    [
        ("shop", "shop.failover.test belongs to group 'shop'"),
        ("primary.shop", "primary.shop.failover.test belongs to group 'shop'"),
        ("backup.shop", "backup.shop.failover.test belongs to group 'shop'"),
        ("other.shop", None),
        ("_acme-challenge.shop", None),
        ("gone", "gone.failover.test is retired: it belonged to the removed group 'gone'"),
        ("primary.gone", "primary.gone.failover.test is retired"),
        ("a.gone", None),
        ("_status", "_status.failover.test is reserved"),
        ("_status.eu", "_status.eu.failover.test is reserved"),
        ("a._status", None),
        ("_heads.eu", "_heads.eu.failover.test is reserved"),
        ("lb1._heads.eu", "lb1._heads.eu.failover.test is reserved"),
        ("primary", None),
        ("www", None),
        ("@", None),
        ("other.example.", "other.example is outside the zone failover.test"),
    ],
)
def test_names_that_belong_to_the_server_are_reserved(owner: str, reason: str | None) -> None:
    view = state(samples.eu(), samples.group(label="shop"), samples.tombstone("gone", of="gone"))
    check_reserved(view, owner, reason)


def test_a_group_at_the_apex_reserves_its_sides_and_not_the_origin() -> None:
    view = state(samples.eu(), samples.group("apex", label="@", flatten=True))
    check_reserved(view, "primary", "primary.failover.test belongs to group 'apex'")
    check_reserved(view, "backup", "backup.failover.test belongs to group 'apex'")
    check_reserved(view, "@", None)


def check_reserved(view: State, owner: str, reason: str | None) -> None:
    """Check why a name is reserved."""
    zone = view.zone(ZONE)
    assert zone is not None
    found = why_reserved(view, zone, name(owner) if owner.endswith(".") else below(owner))
    assert (found is None) == (reason is None)
    assert reason is None or str(found).startswith(reason)


def below(owner: str) -> samples.DomainName:
    """Return a name relative to the zone."""
    return samples.DomainName.from_text(owner, ZONE)
