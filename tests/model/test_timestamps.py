"""Times are written and read as RFC 3339; durations are written in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.model.timestamps import duration, read_timestamp, timestamp

YEAR_2 = -62_100_000_000
YEAR_9998 = 253_300_000_000


def test_a_time_is_written_in_utc_with_milliseconds() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1_772_330_400.25) == "2026-03-01T02:00:00.250Z"
    assert timestamp(None) is None


@pytest.mark.parametrize(
    "text",
    ["2026-03-01T02:00:00Z", "2026-03-01t02:00:00.000z", "2026-03-01T03:00:00+01:00"],
)
def test_a_time_is_read_in_any_time_zone(text: str) -> None:
    assert read_timestamp(text) == 1_772_330_400


@given(st.integers(YEAR_2, YEAR_9998))
def test_a_time_is_read_back_as_it_was_written(seconds: int) -> None:
    assert read_timestamp(timestamp(seconds)) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-03-01", "2026-03-01T02:00:00", "2026-03-01 02:00:00Z"),
        *("2026-02-30T02:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    ],
)
def test_an_incomplete_time_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="is not a time with its zone; write one such as 2026-"):
        read_timestamp(text)


@given(st.text())
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        read_timestamp(text)
    except Malformed:
        return


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *((-1, "0 s"), (0, "0 s"), (45.4, "45 s"), (60, "1 min"), (5400, "1 h 30 min")),
        *((3601, "1 h"), (90_000, "1 d 1 h"), (86_459, "1 d")),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words
