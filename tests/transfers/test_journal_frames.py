"""The bytes of a journal are read as they were written, and damage is noticed."""

from __future__ import annotations

import pytest
from transferred import KEY, ZONE, content, operations, soa_record

from failoverdns.protocol.transfer.contents import Difference, Snapshot
from failoverdns.transfers.image import ZoneImage
from failoverdns.transfers.journal_frames import (
    Unreadable,
    read_journal,
    write_difference,
    write_journal,
)

NAMES = {f"n{number}": [f"60 A 192.0.2.{number}"] for number in range(100)}


def snapshot(serial: int = 3) -> Snapshot:
    image = ZoneImage(ZONE.wire, KEY)
    image.apply(operations(serial, NAMES))
    return image.snapshot()


def step(old: int, new: int) -> Difference:
    return Difference(soa_record(old), soa_record(new), b"", b"")


BEFORE = (step(1, 2), step(2, 3))
AFTER = (step(3, 4), step(4, 5))


def written(
    before: tuple[Difference, ...] = BEFORE, after: tuple[Difference, ...] = AFTER
) -> bytes:
    return b"".join([*write_journal(KEY, snapshot(), before), *map(write_difference, after)])


def test_a_journal_is_read_as_it_was_written() -> None:
    found = read_journal(written(), ZONE.wire)
    assert (found.key, found.snapshot, found.is_whole) == (KEY, snapshot(), True)
    assert (found.before, found.after) == (BEFORE, AFTER)


def test_a_large_zone_is_written_in_parts() -> None:
    image = ZoneImage(ZONE.wire, KEY)
    long = "60 TXT " + " ".join(["x" * 255] * 100)
    image.apply(operations(1, {f"n{number}": [long] for number in range(100)}))
    parts = list(write_journal(KEY, image.snapshot(), ()))
    assert [part[:1] for part in parts] == [b"H", b"I", b"C", b"C", b"E"]
    found = read_journal(b"".join(parts), ZONE.wire)
    assert content(found.snapshot) == content(image.snapshot())


@pytest.mark.parametrize(
    ("data", "origin", "why"),
    [
        (b"", ZONE.wire, "cut short"),
        (b"other", ZONE.wire, "cut short"),
        (written(), b"\5other\0", "another zone"),
        (write_difference(step(1, 2)), ZONE.wire, "not a journal"),
        (written().replace(b"form 1", b"form 2"), ZONE.wire, "cut short"),
    ],
)
def test_a_journal_without_its_image_is_unreadable(data: bytes, origin: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_journal(data, origin)


def test_an_image_that_lacks_a_part_is_unreadable() -> None:
    head, image, chunks, end = write_journal(KEY, snapshot(), ())
    for parts in ((head, image, end), (head, image, chunks), (head, image, chunks, chunks, end)):
        with pytest.raises(Unreadable):
            read_journal(b"".join(parts), ZONE.wire)


def test_differences_that_do_not_lead_to_the_image_are_left_out() -> None:
    assert read_journal(written(before=(step(1, 2),)), ZONE.wire).before == ()
    gap = (step(0, 1), step(2, 3))
    assert read_journal(written(before=gap), ZONE.wire).before == (step(2, 3),)


def test_differences_that_do_not_begin_at_the_image_are_left_out() -> None:
    found = read_journal(written(after=(step(3, 4), step(5, 6))), ZONE.wire)
    assert (found.after, found.is_whole) == ((step(3, 4),), False)
