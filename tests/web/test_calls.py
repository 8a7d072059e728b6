"""What the control process sends to the web process, as JSON."""

from __future__ import annotations

from failoverdns.model.token import TokenCheck
from failoverdns.web.calls import (
    LANES,
    LaneKind,
    ServerState,
    read_checks,
    read_state,
    write_checks,
    write_state,
)


def test_check_values_of_tokens_survive_the_way_to_the_process() -> None:
    checks = (
        TokenCheck("abcdefghij", bytes(range(32)), 1.5),
        TokenCheck("klmnopqrst", b"\xff", None),
    )
    assert read_checks(write_checks(checks)) == checks


def test_the_state_of_the_server_survives_the_way_to_the_process() -> None:
    state = ServerState(True, "", 42)
    assert read_state(write_state(state)) == state
    assert not ServerState().ready


def test_each_kind_of_request_has_lanes() -> None:
    """Events and reading never wait for a command that changes something."""
    assert [LANES.count(kind) for kind in LaneKind] == [4, 3, 1]
