"""Clients of server-sent events in memory, and the history that they ask for."""

from __future__ import annotations

import json
from typing import Any

from web_in_memory import Connection, Web, read_responses


def change(revision: int) -> dict[str, Any]:
    """Return a change, as `watch` and the history write it."""
    return {
        "revision": revision,
        "time": "2026-11-29T14:03:41Z",
        "who": {},
        "command": {"command": "switch"},
        "changed": [],
    }


class History:
    """The history that `history --export` reads, `page` changes at a time."""

    def __init__(self, last: int, page: int = 500, trimmed: int = 0) -> None:
        self.last = last
        self.page = page
        self.trimmed = trimmed

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        since = request["since"]
        if since > self.last:
            return {"ok": False, "error": {"code": "invalid", "message": "it ends before that"}}
        revisions = range(max(since, self.trimmed) + 1, self.last + 1)[: self.page]
        chained = {"previous": "", "hash": "", "document": ""}
        more = bool(revisions) and revisions[-1] < self.last
        trimmed = {"trimmed": self.trimmed} if since < self.trimmed else {}
        return {
            "export": [{**change(one), **chained} for one in revisions], "more": more, **trimmed,
        }  # fmt: skip


class Listening:
    """A client that reads events."""

    def __init__(self, web: Web, target: str = "/api/v1/events", **given: Any) -> None:
        self.connection: Connection = web.connect(given.pop("host", "192.0.2.7"))
        self.connection.send(web.request(target, **given))
        (self.got,) = read_responses(self.connection.wire.take())
        self.text = self.got.body

    def read(self) -> list[str]:
        """Return what has arrived: ids of changes, else kinds of events, and comments."""
        body, data = b"", self.connection.wire.take()
        while data:
            size, _, data = data.partition(b"\r\n")
            body, data = body + data[: int(size, 16)], data[int(size, 16) + 2 :]
        self.text += body
        text, self.text = self.text.decode(), b""
        found = []
        for block in text.split("\n\n")[:-1]:
            lines = dict(one.partition(": ")[::2] for one in block.split("\n"))
            if "data" in lines:
                json.loads(lines["data"])
            if lines.get("event") == "change":
                found.append(lines["id"])
            elif "event" in lines:
                found.append(lines["event"] + lines.get("id", ""))
            elif block.startswith(":"):
                found.append("comment")
        return found


def happen(web: Web, *revisions: int) -> None:
    """Have changes, which the history has then."""
    for revision in revisions:
        history = web.answers["history"]
        assert isinstance(history, History)
        history.last = web.revision = revision
        web.event({"event": "switch", **change(revision)})


def web_with_history() -> Web:
    """Return a web process, and a control process whose history has 42 changes."""
    made = Web()
    made.answers["history"] = History(42)
    return made
