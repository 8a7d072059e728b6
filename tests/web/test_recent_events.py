"""Recent events: what a client that comes back has missed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from failoverdns.model.errors import Malformed
from failoverdns.web import recent_events
from failoverdns.web.recent_events import RecentEvents, write_past, write_reset


def line(revision: int | None, **given: Any) -> bytes:
    return json.dumps({"event": "switch", "revision": revision, **given}).encode()


def after(first: int, *revisions: int | None) -> RecentEvents:
    recent = RecentEvents()
    recent.begin(first)
    for revision in revisions:
        recent.add(line(revision))
    return recent


def following(recent: RecentEvents, number: int | None) -> list[int | None]:
    found = []
    while number is not None and (event := recent.get(number)) is not None:
        found.append(event.revision)
        number += 1
    return found


def test_a_change_has_its_revision_as_id() -> None:
    event = after(6).add(line(7))
    assert event is not None
    assert event.text == b"id: 7\nevent: change\ndata: " + line(7) + b"\n\n"


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"event": "switch", "unrecorded": True}, b"unrecorded"), ({"event": "store"}, b"store")],
)
def test_what_is_no_change_has_no_id(given: dict[str, Any], kind: bytes) -> None:
    text = json.dumps({"revision": None, **given}).encode()
    event = after(6).add(text)
    assert event is not None
    assert event.text == b"event: " + kind + b"\ndata: " + text + b"\n\n"


@pytest.mark.parametrize(
    ("revision", "found"),
    [(4, None), (5, [6, None, 7, 8]), (6, [None, 7, 8]), (7, [8]), (8, []), (9, None)],
)
def test_a_client_gets_what_it_has_not(revision: int, found: list[int | None] | None) -> None:
    recent = after(5, 6, None, 7, 8)
    number = recent.number_after(revision)
    assert (following(recent, number) if number is not None else None) == found


def test_a_change_that_is_known_is_no_event() -> None:
    recent = after(5, 6)
    assert recent.add(line(6)) is None
    assert recent.add(line(5)) is None


def test_old_events_are_forgotten_and_those_who_need_them_know() -> None:
    recent = after(0, *range(1, recent_events.MOST + 11))
    assert recent.first == 10
    assert recent.number_after(9) is None
    number = recent.number_after(10)
    assert number is not None
    assert not recent.has_lost(number)
    assert recent.has_lost(number - 1)
    assert recent.get(number - 1) is None


def test_large_events_are_forgotten_earlier() -> None:
    recent = RecentEvents()
    for revision in range(1, 20):
        recent.add(line(revision, text="a" * (1 << 20)))
    assert recent.last == 19
    assert 10 < recent.first < 19


def test_after_a_new_begin_nothing_before_is_kept() -> None:
    recent = after(0, 1, 2)
    recent.begin(7)
    assert recent.number_after(2) is None
    assert recent.number_after(7) == recent.end


@pytest.mark.parametrize("text", [b"", b"nonsense", b"[]", b"{}", b'"a"'])
def test_a_line_that_is_no_event_is_malformed(text: bytes) -> None:
    with pytest.raises(Malformed):
        after(0).add(text)


def test_a_change_of_the_history_is_the_same_event_as_it_was() -> None:
    report: dict[str, Any] = {
        "revision": 7, "time": "t", "who": {}, "command": {"command": "switch"}, "changed": [],
    }  # fmt: skip
    event = after(6).add(json.dumps({"event": "switch", **report}).encode())
    chained = {**report, "previous": "0", "hash": "1", "document": "{}"}
    assert event is not None
    assert write_past([chained]) == [(7, event.text)]


def test_a_reset_says_where_to_go_on() -> None:
    assert write_reset(9, "gone").startswith(b"id: 9\nevent: reset\ndata: {")
