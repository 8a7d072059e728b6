"""Reports of secondaries are taken, switches wait for them, and those that stay behind recorded."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from corridors import ORIGIN, ZONE, Corridor, build_shop
from samples import name
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from failoverdns.following.following import MOST_WAITS, Following, FollowingEffects
from failoverdns.model.change import Json
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.groups import Switch
from failoverdns.model.commands.secondaries import NoteBehind, NoteInStep
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.secondaries import BehindSecondary
from failoverdns.model.settings import (
    ListenAddress,
    SecondarySettings,
)

SECONDARY = SecondarySettings(
    "ns2", ListenAddress(ip_address("198.51.100.53"), 53), name("xfr.failover.test")
)
Results = list[dict[str, Json]]


class World:
    """A ledger with the group `shop`, a clock, and what follows the secondary ns2."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.corridor = Corridor()
        self.zone = replace(ZONE, secondaries=("ns2",))
        self.corridor.do(Configure((self.zone,)))
        build_shop(self.corridor)
        self.log: list[str] = []
        self.notified: list[bytes | None] = []
        self.has_process = True
        self.submitted: list[Mutation] = []
        self.following = Following(
            FollowingEffects(
                state=lambda: self.corridor.ledger.state,
                spawn=self.corridor.gate.spawn,
                log=self.log.append,
                submit=self.submit,
                now=lambda: 1000 + self.clock.seconds(),
                steady=self.clock.seconds,
                notify=self.notify,
                reactor=self.clock,
            )
        )
        self.corridor.listeners.append(self.following.announce)
        self.following.configure((self.zone,), (SECONDARY,), None)

    async def submit(self, command: Mutation, word: str) -> None:
        self.submitted.append(command)
        self.corridor.do(command)

    def notify(self, origin: bytes | None) -> bool:
        self.notified.append(origin)
        return self.has_process

    @property
    def serial(self) -> int:
        found = self.corridor.ledger.state.serial(ORIGIN)
        assert found is not None
        return found.serial

    def report(self, serial: int, **fields: Json) -> None:
        """Report that the secondary has a serial."""
        known: dict[str, Json] = {
            "secondary": "ns2",
            "zone": ORIGIN.to_text(),
            "ours": self.serial,
            "serial": serial,
            "seen_at": 1000 + self.clock.seconds(),
            "problem": None,
            "silent_since": None,
            "notified_at": None,
        }
        self.following.take([known | fields])

    def wait(self, seconds: float = 5.0) -> Results:
        """Begin to wait for the present serial; return a list that gets the results."""
        results: Results = []

        async def waited() -> None:
            results.extend(await self.following.wait({ORIGIN: self.serial}, seconds))

        Deferred.fromCoroutine(waited())
        return results


@pytest.fixture
def world() -> World:
    return World()


def test_a_wait_ends_at_once_if_the_secondary_is_in_step(world: World) -> None:
    world.report(world.serial)
    (found,) = world.wait()
    assert (found["secondary"], found["in_step"], found["problem"]) == ("ns2", True, None)
    assert len(world.clock.getDelayedCalls()) == 1  # the tick


def test_a_wait_ends_when_the_secondary_serves_the_change(world: World) -> None:
    world.report(world.serial)
    before = world.serial
    world.corridor.do(Switch(("shop",)))
    results = world.wait()
    assert results == []
    world.report(before)
    assert results == []
    world.clock.advance(0.02)
    world.report(world.serial)
    assert results[0]["served_at"] == "1970-01-01T00:16:40.020Z"
    assert len(world.clock.getDelayedCalls()) == 1  # the tick


def test_a_wait_ends_after_its_time_with_the_reason(world: World) -> None:
    results = world.wait(5.0)
    world.clock.advance(4.9)
    assert results == []
    world.clock.advance(0.1)
    assert results[0]["in_step"] is False
    assert results[0]["problem"] == "it was not asked yet since the start"


def test_a_wait_ends_when_the_server_restarts(world: World) -> None:
    results = world.wait(60.0)
    world.following.release()
    assert len(results) == 1


def test_with_too_many_waits_a_further_one_ends_at_once(world: World) -> None:
    waits = [world.wait() for _ in range(MOST_WAITS)]
    assert not any(waits)
    (found,) = world.wait()
    assert found["in_step"] is False
    world.report(world.serial)
    assert all(waits)


def test_a_secondary_that_stays_behind_is_recorded_once_and_again_when_in_step(
    world: World,
) -> None:
    world.report(world.serial)
    world.corridor.do(Switch(("shop",)))
    world.clock.pump([1.0] * 59)
    assert world.submitted == []
    world.clock.pump([1.0] * 10)
    (command,) = world.submitted
    assert isinstance(command, NoteBehind)
    assert world.corridor.ledger.state.entity(BehindSecondary, ("ns2", ORIGIN)) is not None
    world.report(world.serial)
    assert isinstance(world.submitted[-1], NoteInStep)
    assert world.corridor.ledger.state.entity(BehindSecondary, ("ns2", ORIGIN)) is None
    world.clock.pump([1.0] * 100)
    assert len(world.submitted) == 2


def test_a_secondary_that_was_behind_before_the_start_is_in_step_with_its_first_report(
    world: World,
) -> None:
    known = BehindSecondary("ns2", ORIGIN, 1.0, "it hangs")
    world.corridor.do(NoteBehind((known,)))
    world.report(world.serial)
    assert world.submitted == [NoteInStep((("ns2", ORIGIN),))]


def test_a_report_that_cannot_be_read_is_logged_and_harms_no_other(world: World) -> None:
    world.following.take([{"secondary": "ns2"}])
    world.report(world.serial)
    assert "cannot be read" in world.log[0]
    (row,) = world.following.of_zone(ORIGIN)
    assert isinstance(row, dict)
    assert row["in_step"] is True


def test_zone_notify_is_refused_without_secondaries_or_without_the_process(world: World) -> None:
    assert world.following.notify(None) == ["ns2"]
    assert world.following.notify(ORIGIN) == ["ns2"]
    assert world.notified == [None, ORIGIN.wire]
    world.has_process = False
    with pytest.raises(Rejected, match="does not run now"):
        world.following.notify(None)
    world.following.configure((replace(world.zone, secondaries=()),), (SECONDARY,), None)
    with pytest.raises(Rejected, match="has no secondary"):
        world.following.notify(ORIGIN)
    with pytest.raises(Rejected, match=r"did you mean 'failover\.test'"):
        world.following.notify(name("failover.tset"))


def test_a_list_of_secondaries_has_their_zones(world: World) -> None:
    world.report(world.serial)
    (found,) = world.following.secondaries()
    assert isinstance(found, dict)
    assert (found["name"], found["address"], found["key"]) == (
        "ns2",
        "198.51.100.53:53",
        "xfr.failover.test",
    )
    assert found["zones"] == world.following.of_zone(ORIGIN)
