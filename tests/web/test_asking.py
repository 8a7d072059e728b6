"""Requests of the web process itself, whose replies it reads as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from web_in_memory import Web

from failoverdns.web.asking import asker

CALLER = {"internal": "metrics"}


def ask(web: Web, request: dict[str, Any], **given: Any) -> list[Any]:
    """Ask, and return a list that gets the reply."""
    found: list[Any] = []
    ask_ = asker(web.lanes, "metrics", CALLER, **given)
    Deferred.fromCoroutine(ask_(request)).addBoth(found.append)  # type: ignore[arg-type]
    web.go()
    return found


def test_a_reply_is_read_to_its_end() -> None:
    web = Web()
    web.answers["status"] = lambda request: {"groups": ["shop"] * 50_000}
    (reply,) = ask(web, {"command": "status"})
    assert len(reply["result"]["groups"]) == 50_000
    assert web.asked == [(CALLER, {"command": "status"})]
    assert web.held.total == 0


def test_an_error_is_a_reply() -> None:
    web = Web()
    error = {"code": "refused", "message": "no"}
    web.answers["switch"] = lambda request: {"ok": False, "id": 3, "error": error}
    request = {"command": "switch", "groups": ["a"], "id": 3}
    assert ask(web, request) == [{"ok": False, "id": 3, "error": error}]


def test_an_invalid_request_is_refused_without_asking() -> None:
    web = Web()
    (reply,) = ask(web, {"command": "switch", "groups": 7})
    assert (reply["ok"], reply["error"]["code"]) == (False, "invalid")
    assert web.asked == []


def test_a_lane_that_breaks_is_an_error() -> None:
    web = Web()
    web.answers["status"] = lambda request: None
    found = ask(web, {"command": "status"})
    web.break_lane(web.busy_lanes()[0])
    assert found[0]["error"]["code"] == "busy"


def test_nobody_waits_for_a_reply_that_is_not_needed() -> None:
    web = Web()
    web.answers["status"] = lambda request: None
    leaves: list[Callable[[], None]] = []
    found = ask(web, {"command": "status"}, leaving=leaves.append)
    leaves[0]()
    assert found[0]["error"]["code"] == "busy"
