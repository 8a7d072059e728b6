"""Dynamic updates reach the ledger in the name of their key, once, and get a response code."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import dns.update
import pytest
from corridors import ZONE, Corridor
from updates import ACME, KEY, SCOPES, message

from failoverdns.control.updating import QUIET, Updating
from failoverdns.model.change import Change
from failoverdns.model.commands.server import Configure
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.store.memory import Failure

Write = Callable[[dns.update.UpdateMessage], Any]


class Desk:
    """A corridor with a zone that may be updated, and the updates that go through it."""

    def __init__(self) -> None:
        self.corridor = Corridor()
        self.corridor.do(Configure((replace(ZONE, updates=SCOPES),)))
        self.lines: list[str] = []
        self.changes: list[Change] = []
        self.corridor.listeners.append(self.changes.append)
        self.updating = Updating(self.corridor.ledger, lambda: self.corridor.now, self.lines.append)

    def update(
        self, written: bytes, key: DomainName = KEY, *, host: str = "192.0.2.9", time: int = 1000
    ) -> list[Rcode]:
        """Pass a message on; return a list that gets its rcode."""
        found: list[Rcode] = []
        arguments = {
            "message": b64encode(written).decode(),
            "key": key.to_text(),
            "host": host,
            "time": time,
        }
        self.updating.carry_out(arguments, lambda reply: found.append(Rcode(reply["rcode"])))
        return found

    @property
    def revision(self) -> int:
        """The last revision."""
        return self.corridor.ledger.state.revision


@pytest.fixture
def desk() -> Desk:
    """Return a zone that may be updated."""
    return Desk()


def add(owner: str = "www", address: str = "192.0.2.7") -> Write:
    return lambda update: update.add(owner, 60, "A", address)


def test_an_update_is_one_change_in_the_name_of_its_key(desk: Desk) -> None:
    before = desk.revision
    written = message(lambda u: (u.present("ns1"), u.add("www", 60, "A", "192.0.2.7")))
    assert desk.update(written) == [Rcode.NOERROR]
    assert desk.revision == before + 1
    (change,) = desk.changes
    assert change.principal.who == {
        "address": "192.0.2.9",
        "principal": "tsig:update.failover.test",
    }
    assert change.command == {
        "command": "update",
        "zone": "failover.test",
        "prerequisites": ["yxdomain ns1.failover.test"],
        "updates": ["add www.failover.test 60 A 192.0.2.7"],
    }


def test_the_reply_comes_when_the_change_is_visible(desk: Desk) -> None:
    desk.corridor.log.clear()
    desk.updating.carry_out(
        {
            "message": b64encode(message(add())).decode(),
            "key": "update.failover.test",
            "host": "::1",
            "time": 1,
        },
        lambda reply: desk.corridor.log.append("replied"),
    )
    revision = desk.revision
    assert desk.corridor.log == [("published", revision), "replied", ("announced", revision)]


def test_an_update_that_changes_nothing_is_no_change(desk: Desk) -> None:
    desk.update(message(add()))
    before = desk.revision
    assert desk.update(message(add()), time=1001) == [Rcode.NOERROR]
    assert desk.revision == before


def test_a_message_that_is_replayed_gets_its_first_reply_and_changes_nothing(desk: Desk) -> None:
    """Its effect was undone meanwhile, and stays undone."""
    written = message(lambda u: (u.absent("www"), u.add("www", 60, "A", "192.0.2.7")))
    assert desk.update(written) == [Rcode.NOERROR]
    assert desk.update(message(lambda u: u.delete("www"))) == [Rcode.NOERROR]
    before = desk.revision
    assert desk.update(written) == [Rcode.NOERROR]
    assert desk.update(written, host="192.0.2.66") == [Rcode.NOERROR]
    assert desk.revision == before
    assert desk.update(written, time=1001) == [Rcode.NOERROR]
    assert desk.revision == before + 1


def test_the_same_message_of_another_key_is_another_update(desk: Desk) -> None:
    written = message(add())
    assert desk.update(written) == [Rcode.NOERROR]
    assert desk.update(written, ACME) == [Rcode.REFUSED]


@pytest.mark.parametrize(
    ("written", "rcode"),
    [
        (message(lambda u: u.present("nobody")), Rcode.NXDOMAIN),
        (message(lambda u: u.absent("ns1")), Rcode.YXDOMAIN),
        (message(lambda u: u.present("ns1", "TXT")), Rcode.NXRRSET),
        (message(lambda u: u.absent("ns1", "A")), Rcode.YXRRSET),
        (message(add("ns1")), Rcode.REFUSED),
        (message(add("x.example.")), Rcode.NOTZONE),
        (message(add("www"), zone="example.net"), Rcode.NOTAUTH),
        (message(add())[:-1], Rcode.FORMERR),
        (b"\0" * 12, Rcode.FORMERR),
    ],
    ids=lambda value: getattr(value, "name", "message"),
)
def test_a_refusal_has_its_rcode_and_changes_nothing(
    desk: Desk, written: bytes, rcode: Rcode
) -> None:
    before = desk.revision
    assert desk.update(written) == [rcode]
    assert desk.revision == before
    if rcode.name[:2] in ("NX", "YX"):
        assert desk.lines == []  # an ordinary answer
        return
    (line,) = desk.lines
    assert line.startswith(f"{rcode.name} to an update of tsig:update.failover.test from 192.0.2.9")


def test_an_update_while_the_state_cannot_be_written_gets_servfail(desk: Desk) -> None:
    desk.corridor.store.failures = [Failure.REFUSED]
    assert desk.update(message(add())) == [Rcode.SERVFAIL]


def test_refusals_of_a_key_are_logged_once_a_minute(desk: Desk) -> None:
    for _ in range(50):
        desk.update(message(add("ns1")))
    desk.update(message(add("www")), ACME)
    assert len(desk.lines) == 2
    desk.corridor.now += QUIET
    desk.update(message(add("ns1")))
    assert desk.lines[2].endswith("(49 more since the last such line)")


def test_a_log_line_is_bounded_and_has_no_control_characters(desk: Desk) -> None:
    label = "\\027" * 60
    desk.update(message(add(f"{label}.{label}.{label}.ns1"), zone="ns1.failover.test"))
    desk.update(message(add(f"{label}.{label}.{label}")), ACME)
    for line in desk.lines:
        assert line.isprintable()
        assert len(line) < 500
