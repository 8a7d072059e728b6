"""The recent events, as server-sent events: what a client that comes back has missed.

An event is one line of `watch`.  A change has its revision as id, so a browser names the last one
that it got in `Last-Event-ID`; an event without a revision (a step that is not recorded yet, the
condition of the store) is sent to those who are there, and is not repeated.  Older changes are in
the history.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed

MOST: Final = 10_000
"""Events that are kept."""

MOST_BYTES: Final = 8 << 20
"""Bytes of them."""

COMMENT: Final = b": still here\n\n"
"""What is sent while nothing happens, so that nobody in between gives the connection up."""

_CHAINED: Final = ("previous", "hash", "document")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its bytes, its place among all, and its revision if it is a change."""

    number: int
    text: bytes
    revision: int | None


class RecentEvents:
    """The events since some revision; the oldest are forgotten."""

    def __init__(self) -> None:
        """Keep none."""
        self._events: deque[Event] = deque()
        self._size = 0
        self._next = 1
        self.first = 0
        """The revision after which every change is kept."""
        self.last = 0
        """The revision of the last change."""

    @property
    def end(self) -> int:
        """The number of the next event."""
        return self._next

    def begin(self, revision: int) -> None:
        """Keep what happens after a revision; a gap before it is one in the events, too."""
        self._events.clear()
        self._size = 0
        self.first = self.last = revision

    def add(self, line: bytes) -> Event | None:
        """Keep one line of `watch`; return its event, None for a change that is known.

        Raises Malformed for a line that is not an event.
        """
        kind, revision = _kind(line)
        if revision is not None and revision <= self.last:
            return None
        event = Event(self._next, write_event(kind, line.rstrip(b"\n"), revision), revision)
        self._next += 1
        self._events.append(event)
        self._size += len(event.text)
        if revision is not None:
            self.last = revision
        while self._size > MOST_BYTES or len(self._events) > MOST:
            gone = self._events.popleft()
            self._size -= len(gone.text)
            self.first = gone.revision if gone.revision is not None else self.first
        return event

    def number_after(self, revision: int) -> int | None:
        """Return the number from which on a client that has all up to a revision goes on.

        None if some of the changes after it are not kept, or the revision is yet to come.
        """
        if not self.first <= revision <= self.last:
            return None
        if revision == self.last:
            return self._next
        for event in reversed(self._events):
            if event.revision is not None and event.revision <= revision:
                return event.number + 1
        return self._events[0].number

    def get(self, number: int) -> Event | None:
        """Return the event with a number; None if it is yet to come, or kept no longer."""
        if not self._events or number < self._events[0].number or number >= self._next:
            return None
        return self._events[number - self._events[0].number]

    def has_lost(self, number: int) -> bool:
        """Return whether the event with a number is kept no longer."""
        oldest = self._events[0].number if self._events else self._next
        return number < oldest


def write_event(kind: str, data: bytes, revision: int | None) -> bytes:
    """Return one server-sent event; `data` is one line."""
    id_ = b"id: %d\n" % revision if revision is not None else b""
    return id_ + b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def write_reset(revision: int, why: str) -> bytes:
    """Return the event after which a client has to read everything again."""
    data = json.dumps({"event": "reset", "revision": revision, "why": why}).encode()
    return write_event("reset", data, revision)


def write_past(changes: Iterable[dict[str, Any]]) -> list[tuple[int, bytes]]:
    """Return the revisions and the events of changes that the history has (`history --export`)."""
    found = []
    for change in changes:
        shown: dict[str, Json] = {"event": change["command"].get("command")}
        shown |= {name: value for name, value in change.items() if name not in _CHAINED}
        revision = int(change["revision"])
        found.append((revision, write_event("change", json.dumps(shown).encode(), revision)))
    return found


def _kind(line: bytes) -> tuple[str, int | None]:
    """Return what kind of event a line of `watch` is, and its revision if it is a change."""
    try:
        event = json.loads(line)
        name, revision = event["event"], event.get("revision")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("a line of `watch` that cannot be read") from None
    if isinstance(revision, int):
        return "change", revision
    return ("store" if name == "store" else "unrecorded"), None
