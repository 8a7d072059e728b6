"""Roles in the command corridor: what is refused, when it is asked, and what the log has of it."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from console import Console
from control_effects import quiet_effects
from corridors import ZONE, Corridor, build_shop
from driving import run

from failoverdns.changes.state import State
from failoverdns.control.caller import MAX_NAMED, QUIET, Caller, Permission
from failoverdns.control.commanding import CommandCorridor
from failoverdns.control.given_file import GivenFile
from failoverdns.control.language.requests import read_request
from failoverdns.model.change import Json
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected, RuleFailure
from failoverdns.model.policy import NO_AUTOMATION_SETTINGS
from failoverdns.model.principal import unix_principal
from failoverdns.model.roles import EVERYTHING, Grant, Rights, Role

VIEWER, OPERATOR = Rights((Grant(Role.VIEWER),)), Rights((Grant(Role.OPERATOR),))


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("application add x", "admin"),
        ("switch shop", "operator"),
        ("switch shop --dry-run", "operator"),
        ("health report eu up", "reporter"),
        ("backup", "admin"),
        ("restart", "admin"),
        ("querylog on", "admin"),
    ],
)
def test_a_viewer_gets_the_reason_and_nothing_happens(line: str, role: str) -> None:
    """This holds for every kind of command; a rehearsal is for viewers, a dry run is not."""
    console = Console(NO_AUTOMATION_SETTINGS)
    build_shop(console.corridor)
    before = console.reply("status")["revision"]
    console.rights = VIEWER
    assert console.reply(line)["error"] == {
        "code": "forbidden",
        "message": f"`{' '.join(line.split()[: 2 if line[:2] in ('ap', 'he', 'qu') else 1])}` "
        f"needs the role {role}, and you have the role viewer (see `failoverdns whoami`)",
    }
    assert console.reply("rehearse shop")["ok"]
    status = console.reply("status")
    assert status["revision"] == before
    assert status["result"]["server"]["control"] == {"forbidden": 1}


def test_without_a_role_nothing_can_be_read() -> None:
    console = Console(NO_AUTOMATION_SETTINGS)
    console.rights = Rights()
    for line in ("status", "whoami", "watch", "history"):
        assert "and you have no role" in console.reply(line)["error"]["message"]


def test_the_role_is_asked_again_for_each_command() -> None:
    """A role that was taken away counts at once."""
    console = Console(NO_AUTOMATION_SETTINGS)
    assert console.reply("application add a")["ok"]
    console.rights = OPERATOR
    assert console.reply("application add b")["error"]["code"] == "forbidden"
    console.rights = EVERYTHING
    assert console.reply("application add b")["ok"]


def test_a_file_that_comes_with_a_forbidden_backup_is_closed() -> None:
    corridor = Corridor()
    commands = CommandCorridor(corridor.ledger, corridor.store, quiet_effects(corridor))
    descriptor = os.open("/dev/null", os.O_WRONLY)
    caller = Caller(unix_principal(1000, 1, "x"), lambda: OPERATOR)
    lines = run(commands.act(read_request(b"backup"), caller, GivenFile(descriptor)))
    assert json.loads(b"".join(lines))["error"]["code"] == "forbidden"
    assert not os.path.exists(f"/proc/self/fd/{descriptor}")


def test_a_role_that_is_taken_away_while_hooks_are_asked_counts() -> None:
    """A switch may wait for hooks for a minute; nothing is switched after the role is gone."""
    corridor = Corridor()
    corridor.do(Configure((ZONE,), NO_AUTOMATION_SETTINGS))
    build_shop(corridor)
    rights = [OPERATOR]

    async def approve(_: dict[str, Json]) -> tuple[RuleFailure, ...]:
        rights[0] = VIEWER
        return ()

    effects = quiet_effects(corridor, approval=lambda: approve)
    commands = CommandCorridor(corridor.ledger, corridor.store, effects)
    caller = Caller(unix_principal(1000, 1, "x"), lambda: rights[0])
    replies: list[Any] = []
    before = corridor.ledger.state.revision
    commands.change(read_request(b"switch shop"), caller, replies.extend)
    assert json.loads(replies[0])["error"]["code"] == "forbidden"
    assert corridor.ledger.state.revision == before


class Log:
    """A log, and a clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.permission = Permission(State, lambda: self.now, self.lines.append)

    def refuse(self, uid: int = 1000) -> None:
        """Refuse a command of a viewer."""
        caller = Caller(unix_principal(uid, 1, "x", "alice"), lambda: VIEWER)
        with pytest.raises(Rejected):
            self.permission.check(read_request(b"switch shop"), caller)


def test_refusals_are_logged_once_a_minute_for_each_principal() -> None:
    """All are counted, and the next line says how many were left out."""
    log = Log()
    for _ in range(1000):
        log.refuse()
    text = (
        "forbidden to unix:alice(1000): `switch` needs the role operator, and you have the role "
        "viewer (see `failoverdns whoami`)"
    )
    assert log.lines == [text]
    log.refuse(1001)
    assert len(log.lines) == 2
    log.now += QUIET
    log.refuse()
    assert log.lines[2:] == [f"{text} (999 more since the last such line)"]
    assert log.permission.forbidden == 1002


def test_the_memory_for_refusals_is_bounded() -> None:
    log = Log()
    for uid in range(2 * MAX_NAMED):
        log.refuse(uid)
    assert len(log.permission._logged) <= MAX_NAMED
