"""The transfer process passes updates on, within limits, and writes their replies."""

from __future__ import annotations

from base64 import b64decode
from typing import Any

import dns.message
import dns.rcode
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from updates import message

from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.protocol.tsig import Algorithm, TSIGKey, Verified
from failoverdns.transfers.updating import DEPTH, MOST_BYTES, MOST_WAITING, RATE, Updating

MESSAGE = message(lambda update: update.add("www", 60, "A", "192.0.2.7"))


def signed(key: str = "update.failover.test", message: bytes = MESSAGE) -> Verified:
    name = DomainName.from_text(key).wire
    return Verified(TSIGKey(name, Algorithm.HMAC_SHA256, b"k" * 32), b"m" * 32, message, 1000)


class Control:
    """The control process: it keeps what it is asked, and answers when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.waiting: list[Deferred[Any]] = []
        self.updating = Updating(self.call, lambda: self.now)

    def call(self, name: str, arguments: dict[str, Any]) -> Deferred[Any]:
        """Take a call."""
        self.calls.append((name, arguments))
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def update(
        self, key: str = "update.failover.test", message: bytes = MESSAGE
    ) -> list[dns.message.Message]:
        """Pass on an update; return a list that gets its reply."""
        found: list[dns.message.Message] = []
        reply = self.updating.update(signed(key, message), "192.0.2.9")
        reply.addCallback(lambda wire: found.append(dns.message.from_wire(wire)))
        return found


def test_an_update_is_passed_on_with_who_signed_it_when_and_from_where() -> None:
    control = Control()
    control.update()
    ((name, arguments),) = control.calls
    assert name == "update"
    assert b64decode(arguments.pop("message")) == MESSAGE
    assert arguments == {"key": "update.failover.test", "host": "192.0.2.9", "time": 1000}


def test_the_reply_has_the_rcode_and_the_zone_section() -> None:
    control = Control()
    replies = control.update()
    assert replies == []
    control.waiting[0].callback({"rcode": 8})
    (reply,) = replies
    assert (reply.rcode(), reply.id) == (dns.rcode.NXRRSET, int.from_bytes(MESSAGE[:2], "big"))
    assert reply.sections[0][0].name.to_text() == "failover.test."


@pytest.mark.parametrize("fault", [ConnectionDone(), Rejected("unavailable", "failed")])
def test_without_the_control_process_the_reply_is_servfail(fault: Exception) -> None:
    control = Control()
    replies = control.update()
    control.waiting[0].errback(fault)
    assert [reply.rcode() for reply in replies] == [dns.rcode.SERVFAIL]


def test_updates_that_wait_are_limited_and_go_on_when_there_is_room() -> None:
    control = Control()
    for number in range(MOST_WAITING):
        assert control.update(f"k{number}.test") == []
    assert [reply.rcode() for reply in control.update()] == [dns.rcode.SERVFAIL]
    assert len(control.calls) == MOST_WAITING
    control.waiting[0].callback({"rcode": 0})
    assert control.update() == []
    assert control.updating.limited == 1


def test_the_bytes_of_updates_that_wait_are_limited() -> None:
    """Otherwise a hundred of the largest would take the control process for a minute."""
    control = Control()
    large = MESSAGE + bytes(MOST_BYTES // 2 + 1 - len(MESSAGE))
    assert control.update(message=large) == []
    assert [reply.rcode() for reply in control.update(message=large)] == [dns.rcode.SERVFAIL]
    assert control.update() == []
    for waiting in control.waiting:
        waiting.callback({"rcode": 0})
    assert control.update(message=large) == []


def test_each_key_has_a_rate_of_its_own() -> None:
    control = Control()

    def is_done(key: str) -> bool:
        replies = control.update(key)
        if not replies:
            control.waiting[-1].callback({"rcode": 0})
        return replies[0].rcode() == dns.rcode.NOERROR

    assert sum(is_done("busy.test") for _ in range(int(DEPTH) + 50)) == DEPTH
    assert is_done("other.test")
    control.now += 10 / RATE
    assert sum(is_done("busy.test") for _ in range(50)) == 10
