"""The first line of a request on a lane: for whom the web process asks."""

from __future__ import annotations

import json
from typing import Any

import pytest

from failoverdns.control.caller import Caller
from failoverdns.control.lane_callers import LaneCallers
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import EVERYTHING, Role

OWN = unix_principal(0, 1, "failoverdns", "root")
TOKEN = {"token": "abc", "digest": "00ff", "address": "192.0.2.7"}


class OneToken:
    """Holds one token, whose caller may do everything."""

    def caller(self, token_id: str, digest: bytes, address: str) -> Caller:
        """Return the caller."""
        if (token_id, digest) != ("abc", b"\x00\xff"):
            raise Rejected("forbidden", "this token is wrong, or was removed")
        return Caller(unix_principal(7, 7, address), lambda: EVERYTHING)


CALLERS = LaneCallers(OneToken(), OWN)


def test_a_token_has_its_own_rights_and_address() -> None:
    asked = CALLERS.read(json.dumps(TOKEN).encode())
    assert asked.caller.rights() == EVERYTHING
    assert asked.caller.principal == unix_principal(7, 7, "192.0.2.7")
    assert asked.expected is None
    assert CALLERS.read(json.dumps({**TOKEN, "if_match": 42}).encode()).expected == 42


def test_a_wrong_token_may_do_nothing() -> None:
    """The request is read, so that the refusal has its id."""
    asked = CALLERS.read(json.dumps({**TOKEN, "digest": "00fe"}).encode())
    with pytest.raises(Rejected, match="this token is wrong"):
        asked.caller.rights()


@pytest.mark.parametrize(("name", "command"), [("events", "watch"), ("metrics", "stats")])
def test_the_web_process_itself_may_give_one_command(name: str, command: str) -> None:
    caller = CALLERS.read(json.dumps({"internal": name}).encode()).caller
    assert caller.only == {command}
    assert caller.rights().role is Role.VIEWER
    assert caller.principal == OWN


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"switch shop", id="words"),
        pytest.param(b"[" * 4000, id="nested deeply"),
        pytest.param([], id="a list"),
        pytest.param({}, id="nobody"),
        pytest.param({"internal": "everything"}, id="an unknown part of the web process"),
        pytest.param({"internal": "events", **TOKEN}, id="the web process and a token"),
        pytest.param({**TOKEN, "digest": "xy"}, id="a digest that is not hex"),
        pytest.param({**TOKEN, "digest": 1}, id="a digest that is not text"),
        pytest.param({**TOKEN, "if_match": "42"}, id="a revision that is not a number"),
        pytest.param({**TOKEN, "if_match": True}, id="a revision that is a boolean"),
        pytest.param({**TOKEN, "role": "admin"}, id="a role"),
        pytest.param({"token": "abc", "digest": "00ff"}, id="no address"),
    ],
)
def test_any_other_line_is_malformed(sent: Any) -> None:
    with pytest.raises(Malformed):
        CALLERS.read(sent if isinstance(sent, bytes) else json.dumps(sent).encode())
