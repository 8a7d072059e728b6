"""Every kind of check has its traits, and every probed kind has a probe."""

from __future__ import annotations

import time

import pytest
from heads import answering, head, make_target, reactor, turn_until

from failoverdns.model.health import CHECK_KINDS, CheckKind
from failoverdns.probing.connections import ConnectionProbe
from failoverdns.probing.kinds import PROBE_KINDS, Lane
from failoverdns.probing.polling import Poller
from failoverdns.probing.tls import Trust
from failoverdns.probing.verdict import PASSED, ProbeVerdict


def test_every_kind_of_check_has_its_traits() -> None:
    assert set(CHECK_KINDS) == set(CheckKind)


def test_every_kind_that_is_probed_has_a_probe() -> None:
    """A kind that is reported from outside has none."""
    assert set(PROBE_KINDS) == {kind for kind in CheckKind if kind.is_probed}
    assert not CheckKind.PUSH.is_probed


def test_programs_have_places_of_their_own() -> None:
    """So that neither programs nor connections keep the other waiting."""
    assert {kind for kind, row in PROBE_KINDS.items() if row.lane is Lane.PROGRAMS} == {
        CheckKind.EXEC
    }


@pytest.mark.parametrize(
    ("kind", "port"),
    [
        (CheckKind.TCP, None),
        (CheckKind.HTTP, 80),
        (CheckKind.HTTPS, 443),
        (CheckKind.TLS, 443),
        (CheckKind.EXEC, None),
        (CheckKind.PUSH, None),
    ],
)
def test_a_kind_has_the_port_of_its_protocol(kind: CheckKind, port: int | None) -> None:
    assert kind.default_port == port


class Hello:
    """An exchange of a protocol that the server does not have: it waits for a word."""

    request = b"hello\r\n\r\n"
    stage = "waiting for a word"

    def receive(self, data: bytes) -> ProbeVerdict | None:
        """Pass at the end of the line."""
        return PASSED if data.endswith(b"\n") else None


def test_another_protocol_needs_only_an_exchange() -> None:
    found: list[ProbeVerdict] = []
    poller = Poller(reactor())
    with head(answering(b"well", b"come\n")) as web:
        target = make_target(CheckKind.TCP, web.port)
        probe = ConnectionProbe(
            target, poller, Trust(time.monotonic), found.append, ask=lambda target: Hello()
        )
        assert probe.begin() is None
        turn_until(lambda: bool(found))
    poller.close()
    assert found == [PASSED]
