"""Broken promises are found: what a server replied is compared with what it has."""

from __future__ import annotations

from typing import Any

import pytest
from attacks.streams import Sent, load
from attacks.target import Target
from attacks.truth import Known, compare, observe

OK = {"ok": True, "revision": 0}
REFUSED = {"ok": False, "error": {"code": "unavailable", "message": "nothing was changed"}}
UNKNOWN = {"ok": False, "error": {"code": "unknown-outcome", "message": "check"}}


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Yield a server, its state before a switch, the switch and its reply."""
    server = Target(tmp_path_factory.mktemp("truth"), workers=0)
    try:
        server.start()
        load(server)
        before = observe(server)
        request = {"command": "switch", "groups": ["pair-a", "pair-b"], "reason": "token"}
        yield server, before, request, server.ask(**request)
    finally:
        server.kill()


def broken(switched: Any, token: str, reply: dict[str, Any] | None) -> list[str]:
    """Return the promises that are broken if the switch had this token and reply."""
    server, before, request, _ = switched
    _, tally = compare(server, before, [Sent(token, request, reply)])
    return tally.broken


def test_an_acknowledged_change_that_is_there_breaks_no_promise(switched: Any) -> None:
    assert broken(switched, "token", switched[3]) == []


@pytest.mark.parametrize("reply", [None, UNKNOWN])
def test_a_change_with_an_unknown_outcome_may_be_there(
    switched: Any, reply: dict[str, Any] | None
) -> None:
    assert broken(switched, "token", reply) == []


def test_a_refused_change_that_is_there_is_found(switched: Any) -> None:
    (text,) = broken(switched, "token", REFUSED)
    assert text.startswith("refused, but done at")


def test_an_acknowledged_change_that_is_not_there_is_found(switched: Any) -> None:
    lost, stranger = broken(switched, "another", OK)
    assert lost.startswith("acknowledged, in the history at []")
    assert stranger == "nobody sent 'token'"


def test_an_acknowledgement_of_another_revision_is_found(switched: Any) -> None:
    (text,) = broken(switched, "token", {**switched[3], "revision": 1})
    assert text.startswith("acknowledged, in the history at")


def test_a_state_that_does_not_follow_from_the_history_is_found(switched: Any) -> None:
    server, before, request, reply = switched
    other = Known(before.revision, {**before.sides, "one": "backup"}, *_rest(before))
    _, tally = compare(server, other, [Sent("token", request, reply)])
    (text,) = tally.broken
    assert text.startswith("status differs from the history")


def _rest(known: Known) -> tuple[dict[str, str], dict[str, str | None]]:
    return known.addresses, known.certificates
