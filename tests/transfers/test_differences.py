"""Differences lead from each serial that is remembered to the present one, and are condensed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transferred import (
    KEY,
    ZONE,
    Names,
    as_text,
    changed,
    content,
    operations,
    records_of,
    soa_record,
)

from failoverdns.protocol.transfer.contents import Difference
from failoverdns.transfers.differences import Differences, at_once, compare
from failoverdns.transfers.image import ZoneImage

A, B, C = "60 A 192.0.2.1", "60 A 192.0.2.2", "60 A 192.0.2.3"


def image_of(names: Names, serial: int = 1) -> ZoneImage:
    image = ZoneImage(ZONE.wire, KEY)
    image.apply(operations(serial, names))
    return image


def change(
    old: int, new: int, deleted: Names | None = None, added: Names | None = None
) -> Difference:
    parts = [
        b"".join(chunk.data for chunk in image_of(part or {}).snapshot().chunks)
        for part in (deleted, added)
    ]
    return Difference(soa_record(old), soa_record(new), *parts)


def kept(*differences: Difference, limit: int = 1 << 20) -> Differences:
    made = Differences(limit)
    for difference in differences:
        made.append(difference)
    return made


def condensed(differences: Differences, serial: int) -> Difference:
    found = differences.condensed(serial)
    assert found is not None
    return found


FLIP = [
    change(1, 2, {"a": [A]}, {"a": [B]}),
    change(2, 3, {"a": [B]}, {"a": [A], "b": [C]}),
    change(3, 4, {"b": [C]}, {"b": [A]}),
]


def test_one_difference_is_returned_as_it_is() -> None:
    assert kept(*FLIP).condensed(3) == FLIP[2]


def test_what_cancels_out_is_left_out() -> None:
    found = condensed(kept(*FLIP), 1)
    assert (found.from_serial, found.to_serial) == (1, 4)
    assert (found.deleted, as_text(found.added)) == (b"", records_of({"b": [A]}))


def test_a_thousand_switches_there_and_back_are_no_records() -> None:
    there, back = ({"a": [A]}, {"a": [B]}), ({"a": [B]}, {"a": [A]})
    flips = [change(n, n + 1, *(back if n % 2 else there)) for n in range(1000)]
    found = condensed(kept(*flips), 0)
    assert (found.deleted, found.added, found.to_serial) == (b"", b"", 1000)


@pytest.mark.parametrize("serial", [0, 4, 5])
def test_a_serial_that_is_not_remembered_has_no_difference(serial: int) -> None:
    assert kept(*FLIP).condensed(serial) is None


def test_the_oldest_are_left_out_beyond_the_limit() -> None:
    some = kept(*FLIP, limit=FLIP[1].size + FLIP[2].size)
    assert len(some) == 2
    assert some.condensed(1) is None
    assert some.condensed(2) is not None
    assert some.size == FLIP[1].size + FLIP[2].size == sum(each.size for each in some.all())


def test_one_that_is_larger_than_the_limit_is_not_kept() -> None:
    assert len(kept(*FLIP, limit=10)) == kept(*FLIP, limit=10).size == 0


def test_serials_may_wrap() -> None:
    some = kept(change(2**32 - 2, 2**32 - 1, {}, {"a": [A]}), change(2**32 - 1, 3, {"a": [A]}))
    found = condensed(some, 2**32 - 2)
    assert (found.deleted, found.added, found.to_serial) == (b"", b"", 3)


@pytest.mark.parametrize(
    "difference",
    [
        pytest.param(change(4, 4, {}, {"x": [A]}), id="two contents at one serial"),
        pytest.param(change(4, 3, {}, {"x": [A]}), id="a serial that goes back"),
        pytest.param(change(4, 4 + 2**31, {}, {"x": [A]}), id="serials without an order"),
    ],
)
def test_a_serial_that_does_not_grow_ends_what_is_remembered(difference: Difference) -> None:
    """Only a transfer of the whole zone is right then."""
    some = kept(*FLIP, difference)
    assert (len(some), some.size) == (0, 0)


def test_a_gap_ends_what_is_remembered() -> None:
    some = kept(*FLIP, change(7, 8))
    assert some.condensed(1) is None
    assert some.condensed(7) == change(7, 8)


def test_another_soa_record_at_the_same_serial_is_a_gap() -> None:
    other = Difference(soa_record(4).replace(b"ops", b"spo"), soa_record(5), b"", b"")
    assert kept(*FLIP, other).condensed(1) is None


def test_nothing_is_remembered_after_it_was_cleared() -> None:
    some = kept(*FLIP)
    some.clear()
    assert (len(some), some.size, some.condensed(1)) == (0, 0, None)


def test_long_work_has_pauses_and_ignores_what_comes_meanwhile() -> None:
    many = {f"n{number}": [A] for number in range(1500)}
    some = kept(change(1, 2, {}, many), change(2, 3, {"n7": [A]}))
    steps = some.condensing(1)
    assert next(steps) is None
    some.append(change(3, 4, {"n8": [A]}))
    assert at_once(steps) == condensed(kept(change(1, 2, {}, many), change(2, 3, {"n7": [A]})), 1)


@pytest.mark.parametrize(("count", "other"), [(0, 0), (10, 10), (600, 600), (900, 100), (100, 900)])
def test_two_snapshots_are_compared(count: int, other: int) -> None:
    """They may have another number of chunks."""
    old = image_of({"@": [A], **{f"n{number}": [A] for number in range(count)}})
    names: dict[str, list[str]] = {f"n{number}": [A] for number in reversed(range(other))}
    names |= {"@": [A, B], "n7": [A, B], "x": [C]}
    new = image_of(names, 5)
    difference = at_once(compare(old.snapshot(), new.snapshot()))
    assert (difference.from_serial, difference.to_serial) == (1, 5)
    assert changed(content(old.snapshot()), difference) == content(new.snapshot())


def test_snapshots_with_the_same_records_in_another_order_do_not_differ() -> None:
    names = {f"n{number}": [A, B] for number in range(100)}
    old = image_of(names).snapshot()
    new = image_of({name: [B, A] for name in reversed(list(names))}).snapshot()
    difference = at_once(compare(old, new))
    assert (difference.deleted, difference.added) == (b"", b"")


def test_the_comparison_of_large_zones_has_pauses() -> None:
    names = {f"n{number}": [A] for number in range(1000)}
    steps = compare(image_of(names).snapshot(), image_of({}).snapshot())
    assert next(steps) is None


OWNERS = st.sampled_from(["@", "a", "b", "x.a", *(f"n{number}" for number in range(40))])
RECORDS = st.lists(st.sampled_from([A, B, C, "5 TXT x"]), max_size=3, unique=True)
DELTAS = st.lists(st.dictionaries(OWNERS, RECORDS, max_size=40), min_size=2, max_size=8)


@settings(max_examples=30, deadline=None)
@given(DELTAS)
def test_condensed_differences_lead_from_any_serial_to_the_present(
    deltas: list[dict[str, list[str]]],
) -> None:
    """Condensed, compared, and applied one by one, the result is the same."""
    image = image_of({})
    some, snapshots = Differences(1 << 20), [image.snapshot()]
    for serial, names in enumerate(deltas, 2):
        difference = image.apply(operations(serial, names))
        assert difference is not None
        some.append(difference)
        snapshots.append(image.snapshot())
    last = snapshots[-1]
    for snapshot in snapshots[:-1]:
        found = condensed(some, snapshot.serial)
        assert changed(content(snapshot), found) == content(last)
        compared = at_once(compare(snapshot, last))
        assert as_text(compared.deleted) == as_text(found.deleted)
        assert as_text(compared.added) == as_text(found.added)
