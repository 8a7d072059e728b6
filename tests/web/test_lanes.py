"""Which request goes next on which lane, and what becomes of those that cannot."""

from __future__ import annotations

import json
from typing import Any

import pytest
from web_in_memory import Connection, Got, Web

from failoverdns.web.calls import LaneKind
from failoverdns.web.lanes import MOST_LONG_OF_ONE, MOST_OF_ONE, OF_ONE, UNDER_WAY, WAIT, Waiting
from failoverdns.web.work import Work

SWITCH = {"groups": ["a"]}


@pytest.fixture
def web() -> Web:
    """A web process whose control process replies to nothing by itself."""
    made = Web()
    made.answers = dict.fromkeys(("status", "switch", "whoami", "history"), lambda request: None)
    return made


def sent(web: Web, target: str, body: Any = None, **given: Any) -> Connection:
    """Return a connection over which a request was sent."""
    connection = web.connect()
    connection.send(web.request(target, body, **given))
    return connection


def reply_to_all(web: Web) -> None:
    """Reply to everything that is under way."""
    for lane in web.busy_lanes():
        web.reply(lane, b'{"ok": true, "revision": 42, "result": {}}\n')
    web.go()


def only(connection: Connection) -> Got:
    (got,) = connection.got()
    return got


def test_the_control_process_gets_the_caller_and_the_request(web: Web) -> None:
    sent(web, "/api/v1/switch", SWITCH)
    ((caller, request),) = web.asked
    digest = web.token.digest.hex()
    assert caller == {"token": web.token.id, "digest": digest, "address": "192.0.2.7"}
    assert request == {"command": "switch", **SWITCH}


def test_a_revision_goes_with_the_caller(web: Web) -> None:
    sent(web, "/api/v1/application/add", {"name": "eu"}, if_match='"42"')
    assert web.asked[0][0]["if_match"] == 42


def test_reads_and_changes_have_lanes_of_their_own(web: Web) -> None:
    for number in range(5):
        sent(web, f"/api/v1/whoami?id={number}")
        sent(web, f"/api/v1/status?id={number}")
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
    kinds = [lane.kind for lane in web.busy_lanes()]
    assert kinds.count(LaneKind.READS) == 3
    assert kinds.count(LaneKind.COMMANDS) == OF_ONE[Work.CHANGES]


def test_long_reads_go_one_at_a_time_and_short_ones_beside_them(web: Web) -> None:
    others = [web.add_token(seed) for seed in (b"o", b"p", b"q")]
    for token in others:
        sent(web, "/api/v1/status", token=token)
    for token in others:
        sent(web, "/api/v1/status?group=shop", token=token)
    asked = [request for _, request in web.asked]
    assert asked.count({"command": "status"}) == 1
    assert asked.count({"command": "status", "group": "shop"}) == 2


def test_a_token_leaves_lanes_for_others(web: Web) -> None:
    other = web.add_token(b"o")
    for number in range(10):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
    sent(web, "/api/v1/switch", SWITCH, token=other)
    assert web.asked[-1][0]["token"] == other.id


def test_tokens_take_turns(web: Web) -> None:
    other = web.add_token(b"o")
    for number in range(6):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
    for number in range(2):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number}, token=other)
    for _ in range(3):
        reply_to_all(web)
    tokens = [caller["token"] for caller, _ in web.asked]
    assert len(tokens) == 8
    assert tokens.index(other.id) <= 3


def test_identical_reads_that_wait_become_one(web: Web) -> None:
    sent(web, "/api/v1/status?id=1")
    waiting = [sent(web, "/api/v1/status") for _ in range(20)]
    reply_to_all(web)
    web.clock.advance(1)
    web.go()
    assert len(web.asked) == 2
    reply_to_all(web)
    assert [only(one).status for one in waiting] == [200] * 20


def test_a_read_that_has_begun_is_not_fresh_for_who_comes_later(web: Web) -> None:
    sent(web, "/api/v1/whoami")
    sent(web, "/api/v1/whoami")
    assert len(web.asked) == 2


def test_reads_of_different_tokens_are_never_shared(web: Web) -> None:
    other = web.add_token(b"o")
    sent(web, "/api/v1/whoami")
    sent(web, "/api/v1/whoami", token=other)
    assert {caller["token"] for caller, _ in web.asked} == {web.token.id, other.id}


def test_changes_are_never_shared(web: Web) -> None:
    for _ in range(3):
        sent(web, "/api/v1/switch", SWITCH)
    assert len(web.asked) == 3


def test_the_next_one_begins_as_soon_as_a_lane_is_free(web: Web) -> None:
    for number in range(4):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
        sent(web, f"/api/v1/status?id={number}")
    reply_to_all(web)
    assert len(web.asked) == 4 + 2


def test_a_read_whose_client_has_gone_is_dropped(web: Web) -> None:
    first = sent(web, "/api/v1/status?id=1")
    sent(web, "/api/v1/status").leave()
    reply_to_all(web)
    web.clock.advance(1)
    web.go()
    assert only(first).status == 200
    assert len(web.asked) == 1


def test_a_change_whose_client_has_gone_is_carried_out(web: Web) -> None:
    for number in range(3):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
    sent(web, "/api/v1/switch", {**SWITCH, "id": "last"}).leave()
    reply_to_all(web)
    assert web.asked[-1][1]["id"] == "last"


def test_a_change_on_a_lane_that_breaks_has_an_unknown_outcome(web: Web) -> None:
    connection = sent(web, "/api/v1/switch", SWITCH)
    (lane,) = web.busy_lanes()
    web.break_lane(lane)
    got = only(connection)
    assert (got.status, got.code) == (504, "unknown-outcome")


def test_a_read_on_a_lane_that_breaks_can_be_repeated(web: Web) -> None:
    connection = sent(web, "/api/v1/status")
    (lane,) = web.busy_lanes()
    web.break_lane(lane)
    got = only(connection)
    assert (got.status, got.code) == (503, "busy")
    assert got.fields["retry-after"] == "1"


def test_a_new_lane_takes_what_waits(web: Web) -> None:
    for number in range(3):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
    connection = sent(web, "/api/v1/switch", SWITCH)
    for lane in web.busy_lanes():
        web.break_lane(lane)
    web.add_lane(LaneKind.COMMANDS)
    web.go()
    reply_to_all(web)
    assert only(connection).status == 200


def test_what_waits_for_too_long_gets_busy(web: Web) -> None:
    for number in range(3):
        sent(web, "/api/v1/switch", {**SWITCH, "id": number})
    connection = sent(web, "/api/v1/switch", SWITCH)
    for _ in range(int(WAIT) + 2):
        web.clock.advance(1)
    got = only(connection)
    assert (got.status, got.code) == (503, "busy")
    assert len(web.asked) == 3


def test_a_token_that_asks_for_too_much_gets_429_and_others_get_their_turn(web: Web) -> None:
    other = web.add_token(b"o")
    connections = [
        sent(web, "/api/v1/switch", {**SWITCH, "id": number}) for number in range(MOST_OF_ONE + 4)
    ]
    got = only(connections[-1])
    assert (got.status, got.fields["retry-after"]) == (429, "1")
    sent(web, "/api/v1/switch", SWITCH, token=other)
    assert web.asked[-1][0]["token"] == other.id


def test_a_lane_without_a_reply_is_given_up(web: Web) -> None:
    sent(web, "/api/v1/switch", SWITCH)
    (lane,) = web.busy_lanes()
    web.clock.pump([UNDER_WAY + 2, 1])
    assert lane.transport.aborted


def test_a_reply_that_nobody_asked_for_closes_the_lane(web: Web) -> None:
    lane = web.add_lane(LaneKind.READS)
    lane.dataReceived(b"{}\n")
    assert lane.transport.aborted


def test_more_than_one_line_closes_the_lane(web: Web) -> None:
    connection = sent(web, "/api/v1/status")
    (lane,) = web.busy_lanes()
    web.reply(lane, b'{"ok": true, "revision": 42, "result": {}}\n{}\n')
    assert only(connection).status == 200
    assert lane.transport.aborted


def test_what_waits_is_known() -> None:
    web = Web()
    assert web.lanes.is_idle
    assert web.lanes.has_any
    web.answers["status"] = lambda request: None
    sent(web, "/api/v1/status")
    assert not web.lanes.is_idle
    assert isinstance(web.busy_lanes()[0].request, Waiting)
    assert json.loads(web.busy_lanes()[0].request.line.splitlines()[1]) == {"command": "status"}


def test_few_long_requests_wait_at_a_time(web: Web) -> None:
    body = {"groups": [f"{'a' * 100}-{number}" for number in range(700)]}
    connections = [
        sent(web, "/api/v1/switch", {**body, "id": number})
        for number in range(MOST_LONG_OF_ONE + 1)
    ]
    assert only(connections[-1]).status == 429
    reply_to_all(web)
    reply_to_all(web)
    assert [only(one).status for one in connections[:-1]] == [200] * MOST_LONG_OF_ONE
    connection = sent(web, "/api/v1/switch", body)
    reply_to_all(web)
    assert only(connection).status == 200
