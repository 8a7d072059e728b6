"""Stored records are in order, without duplicates, and in the form that answers have."""

from __future__ import annotations

from samples import addresses, name

from failoverdns.model.records import CNAME, TXT, A, Opaque, RRset, Text
from failoverdns.model.static_records import StaticRecords
from failoverdns.model.stored_records import StoredRecords, owned, size_of
from failoverdns.protocol.table.deltas import write_rrsets

ZONE, WWW = name("failover.test"), name("www.failover.test")


def test_rrsets_are_brought_into_order_without_duplicates() -> None:
    records = StoredRecords.of(
        ZONE,
        WWW,
        [
            RRset(TXT, 60, (Text((b"b",)), Text((b"a",)), Opaque(b"\1a"))),
            RRset(A, 300, addresses("192.0.2.2", "192.0.2.1")),
        ],
    )
    assert records.rrsets == (
        RRset(A, 300, (Opaque(b"\xc0\0\2\1"), Opaque(b"\xc0\0\2\2"))),
        RRset(TXT, 60, (Opaque(b"\1a"), Opaque(b"\1b"))),
    )
    assert records.count == 4
    assert records.identity == (ZONE, WWW)
    assert records.rrset(TXT) == records.rrsets[1]
    assert records.rrset(CNAME) is None


def test_the_written_rrsets_are_what_a_table_takes() -> None:
    rrsets = (RRset(A, 300, (Opaque(b"\xc0\0\2\1"),)), RRset(TXT, 60, (Opaque(b"\1a"),)))
    records = StoredRecords(ZONE, WWW, rrsets)
    assert b"".join(records.written) == write_rrsets(rrsets)


def test_the_size_is_that_of_records_without_compression() -> None:
    assert size_of(WWW, RRset(A, 60, addresses("192.0.2.1", "192.0.2.2"))) == 2 * (
        len(WWW.wire) + 10 + 4
    )


def test_records_of_the_state_are_laid_over_those_of_the_configuration() -> None:
    configured = StaticRecords.of(
        owned(StoredRecords(ZONE, WWW, (RRset(TXT, 60, (Opaque(b"\1a"),)),)))
    )
    wildcard = name("*.failover.test")
    laid = {
        records.owner.wire: b"".join(records.written)
        for records in (
            StoredRecords(ZONE, WWW, (RRset(A, 60, (Opaque(b"\xc0\0\2\1"),)),)),
            StoredRecords(ZONE, wildcard, (RRset(TXT, 60, (Opaque(b"\1w"),)),)),
        )
    }
    both = configured.with_laid(laid)
    assert [rrset.rtype for rrset in both.at(WWW)] == [A]
    assert [rrset.owner for rrset in both] == [WWW, wildcard]
    assert len(both) == 2
    assert both.has_wildcard(ZONE)
    assert not configured.has_wildcard(ZONE)
    assert both != configured
    assert both.configured is configured
    assert both.with_laid({}) is configured


def test_records_of_the_state_are_changed_name_by_name() -> None:
    wildcard, other = name("*.failover.test").wire, name("*.x.failover.test").wire
    both = StaticRecords({}).with_laid({wildcard: b"w", other: b"x"})
    changed = both.with_changed({other: b"", WWW.wire: b"y"})
    assert (changed.laid, changed.wildcards) == ({wildcard: b"w", WWW.wire: b"y"}, {wildcard})
    assert (both.laid, both.wildcards) == ({wildcard: b"w", other: b"x"}, {wildcard, other})
    assert both.with_changed({wildcard: b"", other: b""}) is both.configured


def test_an_empty_configuration_is_found_again_below_records_of_the_state() -> None:
    """It has no records, and is there nevertheless."""
    empty = StaticRecords({})
    assert empty.with_laid({WWW.wire: b"x"}).configured is empty
