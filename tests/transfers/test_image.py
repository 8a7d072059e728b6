"""The image of a zone has the records that deltas gave it, and says what each delta changed."""

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
    removed,
    served,
    soa_record,
    zone_at,
)

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.protocol.transfer.contents import Difference, Snapshot
from failoverdns.transfers.image import LEAST_NAMES, MOST_NAMES, ZoneImage

NS = "60 NS ns1.failover.test."
A = "60 A 192.0.2.1"
OTHER = "60 A 192.0.2.2"
LONGEST = ".".join(["x" * 63, "y" * 63, "z" * 63, "w" * 45])
"""With the origin it has 255 bytes, the most that a name may have."""


def image_of(names: Names, serial: int = 1) -> ZoneImage:
    image = ZoneImage(ZONE.wire, KEY)
    assert image.apply(operations(serial, names)) is None
    return image


def apply(image: ZoneImage, names: Names, serial: int = 2) -> Difference:
    difference = image.apply(operations(serial, names))
    assert difference is not None
    return difference


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"@": [NS]}, id="the apex"),
        pytest.param({"a": [A, OTHER, "30 AAAA 2001:db8::1"]}, id="several types"),
        pytest.param({"*": [A], "*.b": [A], "b": [OTHER]}, id="wildcards"),
        pytest.param({"a": [A], "b.a": [OTHER], "primary.a": [A]}, id="names with one ending"),
        pytest.param({LONGEST: [A]}, id="the longest name"),
        pytest.param({r"\000\012\255": [A], r"a\.b": [OTHER]}, id="names with any bytes"),
        pytest.param({"a": [r"60 TYPE65350 \# 0"]}, id="a marker"),
        pytest.param({"a": ["60 TXT " + " ".join(["x" * 255] * 253)]}, id="a long record"),
    ],
)
def test_an_image_has_the_records_of_its_zone(names: Names) -> None:
    image = image_of(names)
    assert content(image.snapshot()) == records_of(names)
    assert image.names == len(names)


def test_the_soa_record_is_not_among_the_records() -> None:
    """A delta may have it at the apex as well."""
    image = image_of({"@": [NS, "60 SOA ns1.failover.test. ops.failover.test. 7 1 1 1 1"]})
    snapshot = image.snapshot()
    assert (snapshot.soa, content(snapshot)) == (soa_record(1), records_of({"@": [NS]}))


def test_a_zone_without_its_soa_record_has_no_snapshot() -> None:
    with pytest.raises(ValueError, match="SOA"):
        ZoneImage(ZONE.wire, KEY).snapshot()


def test_records_of_the_apex_come_first() -> None:
    image = image_of({**{f"n{number}": [A] for number in range(200)}, "@": [NS]})
    first, *_ = image.snapshot().chunks
    assert as_text(first.data) == records_of({"@": [NS]})


@pytest.mark.parametrize(
    ("names", "deleted", "added"),
    [
        pytest.param({"a": [OTHER]}, {"a": [A]}, {"a": [OTHER]}, id="another address"),
        pytest.param({"a": [A, OTHER]}, {}, {"a": [OTHER]}, id="one more address"),
        pytest.param({"a": ["30 A 192.0.2.1"]}, {"a": [A]}, {"a": ["30 A 192.0.2.1"]}, id="TTL"),
        pytest.param({"a": ()}, {"a": [A]}, {}, id="a name goes"),
        pytest.param({"new": [A]}, {}, {"new": [A]}, id="a name comes"),
        pytest.param({"x.a": [A]}, {}, {"x.a": [A]}, id="a name comes below another one"),
        pytest.param({"@": [NS, A]}, {}, {"@": [A]}, id="the apex"),
        pytest.param({"a": [A]}, {}, {}, id="nothing but the serial"),
        pytest.param({"missing": ()}, {}, {}, id="a name goes that is not there"),
        pytest.param({"b": ["60 CNAME x."]}, {"b": [A, OTHER]}, {"b": ["60 CNAME x."]}, id="CNAME"),
    ],
)
def test_a_delta_changes_the_records_of_its_names(
    names: Names, deleted: Names, added: Names
) -> None:
    before: Names = {"@": [NS], "a": [A], "b": [A, OTHER]}
    image = image_of(before)
    difference = apply(image, names)
    assert (difference.from_serial, difference.to_serial) == (1, 2)
    assert as_text(difference.deleted) == records_of(deleted)
    assert as_text(difference.added) == records_of(added)
    assert content(image.snapshot()) == records_of({**before, **names})


def test_a_delta_that_changes_nothing_makes_no_difference() -> None:
    """A flattened hostname may get another TTL without a serial, which is not transferred."""
    image = image_of({"a": [A]})
    assert image.apply([served("a", A), removed("missing"), zone_at(1)]) is None


def test_of_several_operations_on_a_name_the_last_one_counts() -> None:
    image = image_of({"a": [A]})
    difference = image.apply([zone_at(2), removed("a"), served("a", A), served("b", A)])
    assert difference is not None
    assert (difference.deleted, as_text(difference.added)) == (b"", records_of({"b": [A]}))


def test_a_name_without_records_is_not_in_the_image() -> None:
    image = image_of({"a": [A]})
    apply(image, {"a": ()})
    image.apply([served("b")])
    assert (image.names, image.size) == (0, 0)


def test_a_record_that_a_delta_repeats_is_there_once() -> None:
    """RFC 2181 section 5: an RRset does not have the same record twice."""
    image = image_of({"a": [A, A]})
    assert content(image.snapshot()) == records_of({"a": [A]})
    assert as_text(apply(image, {"a": ()}).deleted) == records_of({"a": [A]})


def test_the_root_zone_has_an_image() -> None:
    root = DomainName.from_text(".")
    image = ZoneImage(root.wire, KEY)
    image.apply([zone_at(1, root), served("test", A, origin=root)])
    (_, chunk) = image.snapshot().chunks
    assert chunk.data.startswith(b"\4test\xc0\x0c\0\1")


def test_a_snapshot_stays_as_it_is() -> None:
    names = {f"n{number}": [A] for number in range(300)}
    image = image_of(names)
    snapshot = image.snapshot()
    for number in range(300):
        apply(image, {f"n{number}": [OTHER], f"m{number}": [A]}, 2 + number)
    assert (snapshot.serial, content(snapshot)) == (1, records_of(names))


def test_a_change_writes_only_the_chunks_of_its_names() -> None:
    names = {f"n{number}": [A] for number in range(2000)}
    image = image_of(names)
    before = image.snapshot().chunks
    apply(image, {"n7": [OTHER]})
    after = image.snapshot().chunks
    assert sum(one is not other for one, other in zip(before, after, strict=True)) == 1


def test_chunks_grow_and_shrink_in_number_with_the_names() -> None:
    names = {f"n{number}": [A] for number in range(3000)}
    image = image_of(names)
    many = image.snapshot().chunks
    assert 3000 / MOST_NAMES < len(many) <= 3000 / MOST_NAMES + 2
    assert max(chunk.names for chunk in many) < 5 * MOST_NAMES
    for at in range(0, 2990, 115):
        apply(image, {f"n{number}": () for number in range(at, at + 115)}, 2 + at)
    few = image.snapshot()
    assert len(few.chunks) <= 10 / LEAST_NAMES + 2
    assert content(few) == records_of({f"n{number}": [A] for number in range(2990, 3000)})


def test_the_key_spreads_names() -> None:
    """Whoever chooses names cannot choose their chunk."""
    names = {f"n{number}": [A] for number in range(500)}
    image, other = image_of(names), ZoneImage(ZONE.wire, KEY[::-1])
    other.apply(operations(1, names))
    assert image.snapshot().chunks != other.snapshot().chunks
    assert content(image.snapshot()) == content(other.snapshot())


def test_an_image_is_restored_from_its_snapshot() -> None:
    names: Names = {"@": [NS], **{f"n{number}": [A] for number in range(500)}}
    image = ZoneImage.restored(image_of(names).snapshot(), KEY)
    assert (image.names, content(image.snapshot())) == (501, records_of(names))
    difference = apply(image, {"n7": ()})
    assert as_text(difference.deleted) == records_of({"n7": [A]})


@pytest.mark.parametrize(
    ("old_serial", "deleted", "added"),
    [
        pytest.param(3, {}, {}, id="from another serial"),
        pytest.param(1, {"a": [OTHER]}, {}, id="deletes what is not there"),
        pytest.param(1, {"x": [A]}, {}, id="deletes a name that is not there"),
        pytest.param(1, {}, {"a": [A]}, id="adds what is there"),
    ],
)
def test_a_difference_that_does_not_fit_is_malformed(
    old_serial: int, deleted: Names, added: Names
) -> None:
    image = image_of({"a": [A]})
    parts = [
        b"".join(c.data for c in image_of(part).snapshot().chunks) for part in (deleted, added)
    ]
    with pytest.raises(Malformed, match="a difference"):
        image.apply_difference(Difference(soa_record(old_serial), soa_record(9), *parts))


OWNERS = st.sampled_from(
    ["@", "a", "b", "x.a", "*", "*.b", *(f"n{number}" for number in range(70))]
)
RECORDS = st.lists(
    st.sampled_from([A, OTHER, "30 A 192.0.2.1", "60 AAAA 2001:db8::1", NS, "5 TXT x", "5 TXT y"]),
    max_size=4,
    unique=True,
)
DELTAS = st.lists(st.dictionaries(OWNERS, RECORDS, max_size=60), min_size=1, max_size=8)


@settings(max_examples=30, deadline=None)
@given(DELTAS)
def test_an_image_has_what_arbitrary_deltas_leave(deltas: list[dict[str, list[str]]]) -> None:
    """Each difference fits what was there before, and leads an earlier copy to the present."""
    model: dict[str, list[str]] = {}
    image = image_of({})
    copies: list[tuple[Snapshot, ZoneImage]] = []
    for serial, names in enumerate(deltas, 2):
        before = records_of(model)
        model.update(names)
        difference = apply(image, names, serial)
        snapshot = image.snapshot()
        assert content(snapshot) == records_of(model) == changed(before, difference)
        copies.append((snapshot, ZoneImage.restored(snapshot, KEY)))
        for _, copy in copies[:-1]:
            copy.apply_difference(difference)
            assert content(copy.snapshot()) == content(snapshot)
