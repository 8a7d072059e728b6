"""Renewals by the ledger, a CA over HTTPS and a clock that moves: in time, and not too often."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from authority import DAY
from corridors import Corridor
from directories import LocalDirectory, Reply, document, refusal
from driving import run
from renewals import HOSTNAME, World
from samples import certificate, group, state
from samples import eu as sample_eu

from failoverdns.issuing.effects import IssuingEffects
from failoverdns.issuing.renewing import AT_ONCE, Renewals
from failoverdns.model.certificate import Certificate, CertificateKind
from failoverdns.model.commands.applications import AddApplication
from failoverdns.model.commands.certificates import InstallCertificate, RequestCertificate
from failoverdns.model.commands.groups import AddGroup, SetGroup, Switch
from failoverdns.rules.derived.renewing import renew_at

HOUR = 3600.0
SWITCH = Switch(("shop",))


def issued(world: World, application: str = "eu") -> Certificate:
    """Have a certificate issued."""
    world.do(RequestCertificate(application))
    found = world.certificate(application)
    assert found is not None
    return found


@pytest.mark.parametrize(("lifetime", "part"), [(90 * DAY, 2 / 3), (6 * DAY, 1 / 2)])
def test_a_certificate_is_renewed_in_time(
    local: LocalDirectory, lifetime: float, part: float
) -> None:
    """At two thirds of its lifetime, or half of a short one, a little earlier for some; once."""
    local.lifetime = lifetime
    world = World(local, time.time())
    first = issued(world)
    world.tick(lifetime * (part - 0.06))
    assert world.issued == 1
    world.tick(lifetime * 0.07)
    second = world.certificate("eu")
    assert second is not None
    assert second != first
    assert local.orders[1].replaces is None  # this CA knows no renewal information
    for _ in range(3):
        world.tick(HOUR)
    assert world.issued == 2


def test_a_window_of_the_past_renews_at_once(world: World) -> None:
    """And names the certificate that is replaced."""
    first = issued(world)
    now = world.corridor.now
    world.local.window = now - 2 * HOUR, now - HOUR
    world.tick(30)
    assert world.issued == 2
    assert world.local.orders[1].replaces == first.facts.renewal_id


def test_a_ca_that_always_wants_renewal_gets_it_once_a_day(world: World) -> None:
    issued(world)
    now = world.corridor.now
    world.local.window = now - 2 * HOUR, now - HOUR
    for _ in range(48):
        world.tick(HOUR)
    assert world.issued in (3, 4)


@pytest.mark.parametrize(
    ("lifetime", "interval"),
    [(12 * HOUR, 3 * HOUR), (2 * DAY, 12 * HOUR), (4 * DAY, DAY), (90 * DAY, DAY)],
)
def test_a_ca_that_always_wants_renewal_gets_it_once_in_a_quarter_of_a_short_lifetime(
    local: LocalDirectory, lifetime: float, interval: float
) -> None:
    """Of one that is under four days; else once a day, neither earlier nor much later."""
    local.lifetime = lifetime
    world = World(local, time.time())
    issued(world)
    now = world.corridor.now
    local.window = now - 2 * HOUR, now - HOUR
    world.tick(60)
    assert world.issued == 2
    for number in (3, 4):
        world.tick(interval * 0.9)
        assert world.issued == number - 1
        world.tick(interval * 0.2)
        assert world.issued == number


def test_a_window_of_the_future_is_waited_for(world: World) -> None:
    """Also past two thirds of the lifetime; and asked for again when the CA says."""
    issued(world)
    now = world.corridor.now
    world.local.window, world.local.retry_after = (now + 70 * DAY, now + 71 * DAY), "21600"
    for _ in range(10):
        world.tick(HOUR)
    assert world.asked("GET /renewal") == 2
    world.tick(59 * DAY)
    assert world.issued == 1
    world.tick(10 * DAY)
    assert world.issued == 1
    world.tick(2 * DAY)
    assert world.issued == 2


def test_a_window_that_changes_counts(world: World) -> None:
    """As when the CA has to revoke certificates."""
    issued(world)
    now = world.corridor.now
    world.local.window = now + 60 * DAY, now + 61 * DAY
    world.tick(HOUR)
    world.local.window = now - HOUR, now - 1
    world.tick(6 * HOUR)
    assert world.issued == 2


def test_a_window_after_the_end_does_not_let_a_certificate_expire(world: World) -> None:
    first = issued(world)
    now = world.corridor.now
    world.local.window = now + 900 * DAY, now + 901 * DAY
    world.tick(85 * DAY)
    assert world.issued == 2
    assert first.facts.not_after > world.corridor.now


def test_renewal_information_that_fails_is_asked_for_rarely_and_said_rarely(world: World) -> None:
    """And certificates are renewed all the same, by their lifetime."""
    issued(world)
    world.local.window = 0.0, 1.0
    world.local.fail("renewal", *[Reply(503, b"", {"Retry-After": "120"})] * 500)
    for _ in range(24 * 12):
        world.tick(300)
    assert 3 <= world.asked("GET /renewal") <= 8
    assert 1 <= sum("no renewal information" in line for line in world.logged) <= 4
    for _ in range(60):
        world.tick(DAY)
    assert world.issued == 2


def test_a_ca_that_does_not_know_a_certificate_is_asked_for_others(world: World) -> None:
    """As with those that another CA issued."""
    world.corridor.do(AddApplication("docs"))
    world.corridor.do(AddGroup("docs", label="docs", primary="docs"))
    issued(world)
    issued(world, "docs")
    now = world.corridor.now
    world.local.window = now - 2 * HOUR, now - HOUR
    world.local.fail("renewal", refusal(404, "malformed", "no such certificate"))
    world.tick(30)
    assert world.issued == 3


def test_renewals_are_spread(world: World) -> None:
    """Certificates that were issued at the same time do not fall due at the same time."""
    names = [f"app{number}" for number in range(12)]
    for name in names:
        world.corridor.do(AddApplication(name))
        world.corridor.do(AddGroup(name, label=name, primary=name))
        world.do(RequestCertificate(name))
    due = [renew_at(c.facts) for c in world.state.certificates()]
    assert len(due) == 12
    assert max(due) - min(due) > DAY / 2


def test_only_the_active_side_renews_and_the_right_moves_with_a_switch(world: World) -> None:
    issued(world)
    world.do(SWITCH)
    copy = world.certificate("us")
    world.tick(61 * DAY)
    assert world.issued == 2
    renewed = world.certificate("us")
    assert renewed is not None
    assert renewed.facts != copy.facts if copy else False
    old = world.certificate("eu")
    assert old is not None
    assert old.facts.fingerprint == copy.facts.fingerprint if copy else False


def test_an_application_in_no_group_has_nothing_renewed(world: World) -> None:
    issued(world)
    world.do(SetGroup("shop", primary="", override=("active-side",)))
    world.tick(80 * DAY)
    assert world.issued == 1


def test_a_custom_certificate_is_never_ordered(world: World) -> None:
    found = issued(world)
    custom = replace(found.facts, bundle="other")
    bundle = run(world.corridor.store.bundle(found.facts.bundle))
    assert bundle is not None
    world.do(InstallCertificate("eu", replace(bundle, id="other"), custom))
    world.tick(80 * DAY)
    assert world.issued == 1


def test_a_renewal_that_cannot_be_is_warned_of_and_not_tried_for_ever(world: World) -> None:
    """It has the hostname of a group that the application left; back again, it is renewed."""
    world.corridor.do(AddGroup("docs", label="docs", primary="eu"))
    issued(world)
    world.do(SetGroup("docs", primary="", override=("active-side",)))
    revision = world.state.revision
    world.logged.clear()
    world.tick(61 * DAY)
    for _ in range(20):
        world.tick(30)
    assert (world.state.revision, world.logged, world.issued) == (revision, [], 1)
    world.do(SetGroup("docs", primary="eu"))
    world.tick(30)
    assert world.issued == 2


def test_a_certificate_with_names_of_both_sides_is_renewed(world: World) -> None:
    """Two applications that are each other's backup share one: its traffic must not suffer."""
    world.corridor.do(AddGroup("docs", label="docs", primary="us", backup="eu"))
    world.do(RequestCertificate("eu", (HOSTNAME, "docs.failover.test")))
    world.tick(61 * DAY)
    found = world.certificate("eu")
    assert found is not None
    assert (world.issued, found.facts.names) == (2, ("docs.failover.test", HOSTNAME))


def test_a_ledger_that_takes_nothing_is_told_once_a_round(world: World) -> None:
    """And what is due is ordered when it does again."""
    issued(world)
    world.move(61 * DAY)
    world.corridor.store.unreachable = True
    world.logged.clear()
    world.tick(30)
    assert sum("renewals wait" in line for line in world.logged) == 1
    world.corridor.store.unreachable = False
    world.tick(30)
    assert world.issued == 2


def test_a_look_at_very_many_certificates_lets_others_have_their_turn() -> None:
    """No more than AT_ONCE of them hold up an answer."""
    many = [
        replace(certificate("eu", called=str(n), kind=CertificateKind.ACME), application=f"app-{n}")
        for n in range(5 * AT_ONCE)
    ]
    found, pauses = state(sample_eu(), group(), *many), 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    effects = IssuingEffects(
        state=lambda: found,
        store=Corridor().store,
        submit=lambda command: pause(),
        in_thread=lambda call: pause(),
        pause=pause,
        spawn=run,
        now=lambda: 0.0,
        log=lambda text: None,
    )
    Renewals(World.settings_of("https://ca.example/directory"), effects).tick()
    assert pauses == 5


def test_nothing_is_begun_after_the_end(world: World) -> None:
    issued(world)
    world.renewals.stop()
    world.tick(61 * DAY)
    world.do(RequestCertificate("eu", again=True))
    assert world.issued == 1


def test_it_is_asked_what_it_offers(local: LocalDirectory, tmp_path: Path) -> None:
    """An answer that makes no sense is a problem of the order, in words."""
    world = World(local, time.time())
    local.fail("directory", *[document([])] * 3)
    world.do(RequestCertificate("eu"))
    order = world.order("eu")
    assert order is not None
    assert "makes no sense" in (order.problem or "")
